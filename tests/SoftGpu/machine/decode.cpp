#include "decode.h"

#include <algorithm>
#include <cstring>

#include "half.h"

namespace softgpu {
namespace {

const DecodeTable& table() {
    static const DecodeTable all = [] {
        DecodeTable t;
        for (auto add : {add_integer, add_bits, add_fields, add_compare, add_float, add_approximate, add_convert, add_move, add_memory,
                         add_atomic, add_control, add_warp, add_matrix}) {
            add(t);
        }
        return t;
    }();
    return all;
}

unsigned storage(Type type) { return std::max(2u, bytes_of(type)); }

}  // namespace

Decoder::Decoder(Body& body, const std::map<std::string_view, Function*>& functions)
    : functions(functions), function(*body.function), body(body) {}

bool Decoder::fail(const std::string& what) {
    if (problem.empty()) problem = what;
    return false;
}

const Written& Decoder::operand(size_t index) const {
    static const Written nothing;
    return index < s->operands.size() ? s->operands[index] : nothing;
}

void Decoder::split() {
    words.clear();
    size_t begin = 0;
    while (begin <= s->opcode.size()) {
        size_t end = s->opcode.find('.', begin);
        if (end == std::string_view::npos) end = s->opcode.size();
        words.push_back(s->opcode.substr(begin, end - begin));
        begin = end + 1;
    }
    used.assign(words.size(), false);
    used[0] = true;
}

bool Decoder::has(std::string_view word) {
    for (size_t w = 1; w < words.size(); ++w) {
        if (!used[w] && words[w] == word) {
            used[w] = true;
            return true;
        }
    }
    return false;
}

std::string_view Decoder::any(std::initializer_list<std::string_view> list) {
    for (const std::string_view word : list) {
        if (has(word)) return word;
    }
    return "";
}

Type Decoder::type() {
    for (size_t w = 1; w < words.size(); ++w) {
        const Type t = used[w] ? Type::none : type_named(words[w]);
        if (t != Type::none) {
            used[w] = true;
            return t;
        }
    }
    return Type::none;
}

Rounding Decoder::rounding() {
    const std::string_view word = any({"rn", "rz", "rm", "rp"});
    has_rounding = !word.empty();
    return word == "rz" ? Rounding::zero : word == "rm" ? Rounding::down : word == "rp" ? Rounding::up : Rounding::nearest;
}

Operand Decoder::constant(uint64_t bits, unsigned bytes) {
    if (bytes < 8) bits &= (1ull << (8 * bytes)) - 1;
    const auto key = std::make_pair(bits, bytes);
    const auto known = constants.find(key);
    if (known != constants.end()) return known->second;
    const Operand o = static_cast<Operand>(constant_bytes) | in_constants;
    constant_bytes += bytes * lanes;
    constant_values.emplace_back(o, bits, bytes);
    return constants[key] = o;
}

Operand Decoder::temporary(unsigned bytes) {
    const size_t offset = body.frame_bytes;
    body.frame_bytes = (offset + bytes * lanes + 63) / 64 * 64;
    return static_cast<Operand>(offset);
}

const Operand* Decoder::list(std::vector<Operand> operands) { return function.lists.emplace_back(std::move(operands)).data(); }

unsigned Decoder::register_bytes(const Written& w) const { return storage(w.reg.type); }

void Decoder::copy(const Copy& c) {
    Instruction mov;
    mov.execute = widen(c.to_bytes, c.from_bytes, c.sign);
    mov.d = c.to;
    mov.a = c.from;
    mov.guarded = s->guarded;
    mov.guard = s->guard;
    mov.guard_negated = s->guard_negated;
    mov.line = s->place;
    function.code.push_back(mov);
    function.opcodes.emplace_back("mov");
}

uint64_t Decoder::value_of(const Written& w, Type type) {
    if (w.form == Written::symbol) {
        uint64_t value = w.variable.address + w.bits;
        if (w.variable.space == Space::shared) {
            if (w.variable.shared == Variable::after_module) value += body.own_shared;
            if (w.variable.shared == Variable::dynamic) value += body.dynamic_shared;
            if (w.variable.shared == Variable::dynamic && !function.is_entry) fail("dynamic shared memory in a device function");
        }
        return value;
    }
    if (w.form == Written::real64 && type != Type::f64 && bytes_of(type) < 8) {
        double d;
        std::memcpy(&d, &w.bits, 8);
        const auto single = static_cast<float>(d);
        uint32_t bits;
        std::memcpy(&bits, &single, 4);
        if (type == Type::f16) return to_f16(single);
        if (type == Type::bf16) return to_bf16(single);
        return bits;
    }
    if (w.form == Written::real32 && bytes_of(type) == 8) {
        const auto low = static_cast<uint32_t>(w.bits);
        float single;
        std::memcpy(&single, &low, 4);
        const double d = single;
        uint64_t bits;
        std::memcpy(&bits, &d, 8);
        return bits;
    }
    return w.bits;
}

Operand Decoder::source(const Written& w, Type type) {
    const unsigned bytes = storage(type);
    if (w.form == Written::in_register) {
        if (w.reg.type == Type::pred) return fail("a predicate as a number"), 0;
        const unsigned have = storage(w.reg.type);
        if (have == bytes) return w.reg.operand;
        const Operand t = temporary(bytes);
        copy({t, w.reg.operand, bytes, have, is_signed(w.reg.type)});
        return t;
    }
    if (w.form == Written::symbol && !w.is_known) {
        const bool is_clock = w.text == "%clock" || w.text == "%clock64" || w.text == "%clock_hi" || w.text.substr(0, 12) == "%globaltimer";
        if (!is_clock) return fail("unknown name " + std::string(w.text)), 0;
        Instruction read;
        read.execute = read_clock;
        read.d = temporary(8);
        read.line = s->place;
        function.code.push_back(read);
        function.opcodes.emplace_back("mov");
        if (bytes == 8) return read.d;
        const Operand t = temporary(bytes);
        copy({t, read.d, bytes, 8, false});
        return t;
    }
    if (w.form == Written::symbol && w.variable.space == Space::local) {
        Instruction read;
        read.execute = local_address;
        read.d = temporary(8);
        read.value = static_cast<int64_t>(w.variable.address + w.bits);
        read.line = s->place;
        function.code.push_back(read);
        function.opcodes.emplace_back("mov");
        if (bytes == 8) return read.d;
        const Operand t = temporary(bytes);
        copy({t, read.d, bytes, 8, false});
        return t;
    }
    if (w.form == Written::number || w.form == Written::real32 || w.form == Written::real64 || w.form == Written::symbol) {
        return constant(value_of(w, type), bytes);
    }
    fail("no operand of that form");
    return 0;
}

Operand Decoder::predicate(size_t index, bool& negated) {
    const Written& w = operand(index);
    negated = w.negated;
    if (w.form == Written::in_register && w.reg.type == Type::pred) return w.reg.operand;
    if (w.form == Written::number) return constant(w.bits ? all_lanes : 0, 4);
    fail("no predicate");
    return 0;
}

Operand Decoder::target(const Written& w, Type type) {
    const unsigned bytes = storage(type);
    if (w.form == Written::sink) return temporary(bytes);
    if (w.form != Written::in_register || w.reg.type == Type::pred || (w.reg.operand & 3) != in_frame)
        return fail("the result is no register"), 0;
    const unsigned have = storage(w.reg.type);
    if (have == bytes) return w.reg.operand;
    const Operand t = temporary(bytes);
    after.push_back({w.reg.operand, t, have, bytes, is_signed(type)});
    return t;
}

Operand Decoder::target_predicate(const Written& w) {
    if (w.form == Written::sink) return temporary(4);
    if (w.form != Written::in_register || w.reg.type != Type::pred) return fail("the result is no predicate"), 0;
    return w.reg.operand;
}

void Decoder::address(const Written& w) {
    i.value = static_cast<int64_t>(w.bits);
    if (w.form != Written::address) {
        fail("no address");
    } else if (w.has_base) {
        i.wide_address = storage(w.reg.type) == 8;
        if (storage(w.reg.type) < 4) fail("an address of 16 bits");
        i.a = w.reg.operand;
    } else {
        i.wide_address = true;
        if (!w.is_known) {
            i.a = constant(0, 8);
        } else {
            Written symbol = w;
            symbol.form = Written::symbol;
            symbol.bits = 0;
            i.a = source(symbol, Type::u64);
        }
    }
}

bool Decoder::emit(Execute execute, Kind kind) {
    if (!execute) return false;
    i.execute = execute;
    i.kind = kind;
    i.guarded = s->guarded;
    i.guard = s->guard;
    i.guard_negated = s->guard_negated;
    i.line = s->place;
    function.code.push_back(i);
    function.opcodes.emplace_back(s->opcode);
    for (const Copy& c : after) copy(c);
    after.clear();
    return true;
}

bool Decoder::branch(std::string_view label) {
    fixups.emplace_back(function.code.size(), label);
    return true;
}

bool Decoder::branches(std::string_view name) {
    table_fixups.emplace_back(function.code.size(), name);
    return true;
}

bool Decoder::statement() {
    split();
    i = Instruction();
    after.clear();
    const auto known = table().find(words[0]);
    if (known == table().end()) return false;
    if (!known->second(*this) || !problem.empty()) return false;
    return std::find(used.begin(), used.end(), false) == used.end();
}

bool Decoder::run(std::string& error) {
    for (const Statement& each : body.statements) {
        s = &each;
        starts.push_back(static_cast<uint32_t>(function.code.size()));
        if (!statement()) {
            error = "PTX line " + std::to_string(each.line) + ": unknown instruction " + std::string(each.opcode);
            if (!problem.empty()) error += " (" + problem + ")";
            return false;
        }
    }
    starts.push_back(static_cast<uint32_t>(function.code.size()));
    const auto where = [&](std::string_view label, uint32_t& target) {
        const auto known = body.labels.find(label);
        if (known == body.labels.end()) {
            error = function.name + ": no label " + std::string(label);
            return false;
        }
        target = starts[known->second];
        return true;
    };
    for (const auto& [at, label] : fixups) {
        if (!where(label, function.code[at].target)) return false;
    }
    for (const auto& [at, name] : table_fixups) {
        auto& targets = function.target_lists.emplace_back();
        for (const std::string_view label : body.target_tables[name]) {
            if (!where(label, targets.emplace_back())) return false;
        }
        function.code[at].targets = &targets;
    }
    s = nullptr;
    Statement end;  // a body may end without ret
    end.opcode = function.is_entry ? "exit" : "ret";
    s = &end;
    statement();
    function.constants = AlignedBytes(constant_bytes);
    for (const auto& [o, bits, bytes] : constant_values) {
        for (unsigned l = 0; l < lanes; ++l) std::memcpy(function.constants.data + (o & ~3u) + l * bytes, &bits, bytes);
    }
    function.frame_bytes = body.frame_bytes;
    function.code.shrink_to_fit();
    find_rejoins(function);
    return true;
}

bool decode(Body& body, const std::map<std::string_view, Function*>& functions, std::string& error) {
    return Decoder(body, functions).run(error);
}

}  // namespace softgpu
