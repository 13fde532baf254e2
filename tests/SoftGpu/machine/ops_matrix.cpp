// mma.sync m16n8k8 and m16n8k16 of f16 and bf16 with f32 sums, and ldmatrix.
#include "access.h"
#include "decode.h"
#include "half.h"
#include "lanes.h"
#include "members.h"

namespace softgpu {
namespace {

// The manual's fragments: lane = 4 × group + member. A: rows group and group + 8, columns 2 × member and 8 + 2 × member; B: the same
// columns as rows, column group; C and D: rows group and group + 8, columns 2 × member. list: D 4, A 2 or 4, B 1 or 2, C 4.
template <bool is_bf16, unsigned k_size>
void multiply(Warp& w, const Instruction& i, uint32_t mask) {
    check_members(w, i, mask, all_lanes);
    constexpr unsigned a_count = k_size / 4, b_count = k_size / 8;
    float a[16][k_size], b[k_size][8], c[16][8];
    const auto read = [](uint32_t pair, unsigned part) {
        const auto h = static_cast<uint16_t>(pair >> (16 * part));
        return is_bf16 ? from_bf16(h) : from_f16(h);
    };
    for (unsigned l = 0; l < lanes; ++l) {
        const unsigned group = l / 4, member = l % 4;
        for (unsigned part = 0; part < 2; ++part) {
            for (unsigned r = 0; r < a_count; ++r)
                a[group + 8 * (r & 1)][2 * member + part + 8 * (r / 2)] = read(w.at<uint32_t>(i.list[4 + r])[l], part);
            for (unsigned r = 0; r < b_count; ++r)
                b[2 * member + part + 8 * r][group] = read(w.at<uint32_t>(i.list[4 + a_count + r])[l], part);
            for (unsigned r = 0; r < 2; ++r)
                c[group + 8 * r][2 * member + part] = w.at<float>(i.list[4 + a_count + b_count + 2 * r + part])[l];
        }
    }
    for (unsigned row = 0; row < 16; ++row) {
        for (unsigned column = 0; column < 8; ++column) {
            double sum = c[row][column];  // the card's order is its own; this is at least as exact
            for (unsigned k = 0; k < k_size; ++k) sum += static_cast<double>(a[row][k]) * b[k][column];
            c[row][column] = static_cast<float>(sum);
        }
    }
    for_lanes(mask, [&](unsigned l) {
        for (unsigned r = 0; r < 4; ++r) w.at<float>(i.list[r])[l] = c[l / 4 + 8 * (r / 2)][2 * (l % 4) + (r & 1)];
    });
}

bool decode_mma(Decoder& d) {
    if (!d.has("sync") || !d.has("aligned")) return false;
    const std::string_view shape = d.any({"m16n8k8", "m16n8k16"});
    if (shape.empty() || !d.has("row") || !d.has("col")) return false;
    const Type to = d.type(), a = d.type(), b = d.type(), c = d.type();
    if (to != Type::f32 || c != Type::f32 || a != b || (a != Type::f16 && a != Type::bf16)) return false;
    const bool deep = shape == "m16n8k16";
    const size_t sizes[4] = {4, deep ? 4u : 2u, deep ? 2u : 1u, 4};
    std::vector<Operand> list;
    for (size_t k = 0; k < 4; ++k) {
        const Written& v = d.operand(k);
        const bool single = v.form != Written::vector;
        if ((single ? 1 : v.parts.size()) != sizes[k]) return d.fail("fragment of another size");
        for (size_t part = 0; part < sizes[k]; ++part) {
            const Written& each = single ? v : v.parts[part];
            list.push_back(k == 0 ? d.target(each, Type::f32) : d.source(each, k == 3 ? Type::f32 : Type::b32));
        }
    }
    d.i.list = d.list(list);
    return d.emit(a == Type::bf16 ? deep ? multiply<true, 16> : multiply<true, 8>
                  : deep ? multiply<false, 16>
                                  : multiply<false, 8>,
                  Kind::half);
}

// Matrices of 8 rows of 16 bytes: lanes 8 × m … give the rows' addresses of matrix m.
void load_matrix(Warp& w, const Instruction& i, uint32_t mask) {
    check_members(w, i, mask, all_lanes);
    Addresses a;
    gather_addresses(w, i, a);
    const uint32_t givers = i.count == 4 ? all_lanes : (1u << (8 * i.count)) - 1;
    const uint32_t good = admit(w, i, mask & givers, a, 16, Access::read);
    uint16_t rows[32][8] = {};
    for_lanes(good, [&](unsigned l) { std::memcpy(rows[l], reinterpret_cast<const void*>(a.at[l]), 16); });
    for (unsigned m = 0; m < i.count; ++m) {
        each_lane(w.at<uint32_t>(i.list[m]), mask, [&](unsigned l) {
            const unsigned major = l / 4, minor = 2 * (l % 4);
            const uint32_t low = i.mode ? rows[8 * m + minor][major] : rows[8 * m + major][minor];
            const uint32_t high = i.mode ? rows[8 * m + minor + 1][major] : rows[8 * m + major][minor + 1];
            return low | high << 16;
        });
    }
}

bool decode_ldmatrix(Decoder& d) {
    if (!d.has("sync") || !d.has("aligned") || !d.has("m8n8")) return false;
    const std::string_view count = d.any({"x1", "x2", "x4"});
    d.i.mode = d.has("trans");
    if (count.empty() || d.any({"shared", "shared::cta"}).empty() || d.type() != Type::b16) return false;
    const unsigned n = static_cast<unsigned>(count[1] - '0');
    const Written& v = d.operand(0);
    if (v.form != Written::vector || v.parts.size() != n) return d.fail("vector operand");
    std::vector<Operand> list;
    for (const Written& each : v.parts) list.push_back(d.target(each, Type::b32));
    d.i.list = d.list(list);
    d.i.count = static_cast<uint8_t>(n);
    d.i.space = Space::shared;
    d.address(d.operand(1));
    return d.emit(load_matrix, Kind::memory);
}

}  // namespace

void add_matrix(DecodeTable& table) {
    table["mma"] = decode_mma;
    table["ldmatrix"] = decode_ldmatrix;
}

}  // namespace softgpu
