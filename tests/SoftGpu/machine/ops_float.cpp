// Arithmetic of f32 and f64, correctly rounded.
#include "decoders.h"
#include "lanes.h"
#include "real.h"
#include "rounding.h"

namespace softgpu {

namespace {

struct Add {
    template <class T>
    static T apply(T a, T b) {
        return a + b;
    }
};
struct Subtract {
    template <class T>
    static T apply(T a, T b) {
        return a - b;
    }
};
struct Multiply {
    template <class T>
    static T apply(T a, T b) {
        return a * b;
    }
};
struct Divide {
    template <class T>
    static T apply(T a, T b) {
        return a / b;
    }
};
struct Reciprocal {
    template <class T>
    static T apply(T a) {
        return T(1) / a;
    }
};
struct SquareRoot {
    static float apply(float a) { return __builtin_sqrtf(a); }
    static double apply(double a) { return __builtin_sqrt(a); }
};
struct FusedMultiplyAdd {
    static float apply(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
    static double apply(double a, double b, double c) { return __builtin_fma(a, b, c); }
};
// A NaN gives way to a number; -0 lies below +0.
struct Minimum {
    template <class T>
    static T apply(T a, T b) {
        const T both = std::signbit(a) ? a : b;
        return a != a ? b : b != b ? a : a == b ? both : a < b ? a : b;
    }
};
struct Maximum {
    template <class T>
    static T apply(T a, T b) {
        const T both = std::signbit(a) ? b : a;
        return a != a ? b : b != b ? a : a == b ? both : a < b ? b : a;
    }
};
template <class Op>
struct Propagating {
    template <class T>
    static T apply(T a, T b) {
        return a != a || b != b ? std::numeric_limits<T>::quiet_NaN() : Op::apply(a, b);
    }
};
template <class Op>
struct OfMagnitudes {  // .xorsign.abs
    template <class T>
    static T apply(T a, T b) {
        const T r = Op::apply(std::fabs(a), std::fabs(b));
        return std::signbit(a) != std::signbit(b) ? -r : r;
    }
};
struct Absolute {
    template <class T>
    static T apply(T a) {
        return std::fabs(a);
    }
};
struct Negate {
    template <class T>
    static T apply(T a) {
        return -a;
    }
};
struct CopySign {
    template <class T>
    static T apply(T a, T b) {
        return std::copysign(b, a);
    }
};

template <class Op>
struct Canonical {
    template <class... T>
    static auto apply(T... a) {
        return canonical(Op::apply(a...));
    }
};

// With a rounding mode, .ftz or .sat.
template <class Op, class T>
void modified1(Warp& w, const Instruction& i, uint32_t mask) {
    const RoundingMode mode(i.rounding);
    const T* a = w.at<T>(i.a);
    const bool flush = i.flush, saturate = i.saturate;
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) { return finished(Op::apply(flushed(a[l], flush)), flush, saturate); });
}
template <class Op, class T>
void modified2(Warp& w, const Instruction& i, uint32_t mask) {
    const RoundingMode mode(i.rounding);
    const T *a = w.at<T>(i.a), *b = w.at<T>(i.b);
    const bool flush = i.flush, saturate = i.saturate;
    each_lane(w.at<T>(i.d), mask,
              [=](unsigned l) { return finished(Op::apply(flushed(a[l], flush), flushed(b[l], flush)), flush, saturate); });
}
template <class Op, class T>
void modified3(Warp& w, const Instruction& i, uint32_t mask) {
    const RoundingMode mode(i.rounding);
    const T *a = w.at<T>(i.a), *b = w.at<T>(i.b), *c = w.at<T>(i.c);
    const bool flush = i.flush, saturate = i.saturate;
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) {
        return finished(Op::apply(flushed(a[l], flush), flushed(b[l], flush), flushed(c[l], flush)), flush, saturate);
    });
}

bool modifiers(Decoder& d) {
    d.i.rounding = d.rounding();
    d.i.flush = d.has("ftz");
    d.i.saturate = d.has("sat");
    return d.i.rounding != Rounding::nearest || d.i.flush || d.i.saturate;
}

Kind kind_of(Type t) { return t == Type::f64 ? Kind::real64 : Kind::real32; }

template <class Op>
bool decode1(Decoder& d) {
    const bool modified = modifiers(d);
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    using C = Canonical<Op>;
    return d.emit(t == Type::f32   ? modified ? modified1<Op, float> : unary<C, float>
                    : t == Type::f64 ? modified ? modified1<Op, double> : unary<C, double>
                                     : nullptr,
                  kind_of(t));
}
template <class Op>
bool decode2(Decoder& d) {
    const bool modified = modifiers(d);
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, t);
    using C = Canonical<Op>;
    return d.emit(t == Type::f32   ? modified ? modified2<Op, float> : binary<C, float>
                    : t == Type::f64 ? modified ? modified2<Op, double> : binary<C, double>
                                     : nullptr,
                  kind_of(t));
}
bool decode_fma(Decoder& d) {
    const bool modified = modifiers(d);
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.c = d.source(3, t);
    d.i.d = d.target(0, t);
    using Op = FusedMultiplyAdd;
    using C = Canonical<Op>;
    return d.emit(t == Type::f32   ? modified ? modified3<Op, float> : ternary<C, float>
                    : t == Type::f64 ? modified ? modified3<Op, double> : ternary<C, double>
                                     : nullptr,
                  kind_of(t));
}

// Sign operations touch no other bit, of a NaN either.
template <class Op>
bool decode_sign(Decoder& d) {
    d.i.flush = d.has("ftz");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::f32   ? d.i.flush ? modified1<Op, float> : unary<Op, float>
                    : t == Type::f64 ? unary<Op, double>
                                   : nullptr,
                  kind_of(t));
}

template <class Op>
bool decode_extreme(Decoder& d) {
    const bool propagates = d.has("NaN"), magnitudes = d.has("xorsign");
    if (magnitudes && !d.has("abs")) return false;
    return magnitudes   ? propagates ? decode2<Propagating<OfMagnitudes<Op>>>(d) : decode2<OfMagnitudes<Op>>(d)
             : propagates ? decode2<Propagating<Op>>(d)
                        : decode2<Op>(d);
}

bool decode_copysign(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::f32 ? binary<CopySign, float> : t == Type::f64 ? binary<CopySign, double> : nullptr, kind_of(t));
}

enum class Family { integer, real, half };
Family family(Decoder& d) {
    const Type t = d.last_type();
    return !is_float(t) ? Family::integer : t == Type::f32 || t == Type::f64 ? Family::real : Family::half;
}

}  // namespace

bool exact_reciprocal(Decoder& d) { return decode1<Reciprocal>(d); }
bool exact_square_root(Decoder& d) { return decode1<SquareRoot>(d); }

void add_float(DecodeTable& table) {
#define BY_FAMILY(name, of_integer, of_real)                                                                   \
    table[name] = [](Decoder& d) {                                                                             \
        const Family f = family(d);                                                                            \
        return f == Family::integer ? (of_integer) : f == Family::real ? (of_real) : half_arithmetic(d, name); \
    }
    BY_FAMILY("add", integer_add(d), decode2<Add>(d));
    BY_FAMILY("sub", integer_subtract(d), decode2<Subtract>(d));
    BY_FAMILY("mul", integer_multiply(d), decode2<Multiply>(d));
    BY_FAMILY("mad", integer_multiply_add(d), decode_fma(d));
    BY_FAMILY("fma", false, decode_fma(d));
    BY_FAMILY("min", integer_minimum(d), decode_extreme<Minimum>(d));
    BY_FAMILY("max", integer_maximum(d), decode_extreme<Maximum>(d));
    BY_FAMILY("abs", integer_absolute(d), decode_sign<Absolute>(d));
    BY_FAMILY("neg", integer_negate(d), decode_sign<Negate>(d));
    BY_FAMILY("div", integer_divide(d), approximate_divide(d) || decode2<Divide>(d));
#undef BY_FAMILY
    table["copysign"] = decode_copysign;
}

}  // namespace softgpu
