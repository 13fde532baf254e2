#include "kernel.h"

// Functions of two numbers under numpy's broadcasting. A row: the op, y of a and b, da and db of g = dy, a and b. Where a maximum ties,
// each side gets half.
#define ROWS(OP)                                                                 \
    OP(Add, a + b, g, g)                                                         \
    OP(Subtract, a - b, g, -g)                                                   \
    OP(Multiply, (a * b), (g * b), (g * a))                                      \
    OP(Divide, a / b, g / b, -(g / b) * (a / b))                                 \
    OP(Maximum, (a > b || a != a ? a : b), (g * share(a, b)), (g * share(b, a))) \
    OP(Minimum, (a < b || a != a ? a : b), (g * share(b, a)), (g * share(a, b))) \
    OP(SiluTimes, (a * m_sigmoid(a) * b), (g * b * silu_slope(a, m_sigmoid(a))), (g * a * m_sigmoid(a)))

FN acc silu_slope(acc x, acc s) { return s + x * s * (1 - s); }  // s = σ(x)
FN acc share(acc winner, acc other) { return winner > other ? acc(1) : winner == other ? acc(0.5) : acc(0); }

#define NAME(name, value, da, db) name,
enum Function { ROWS(NAME) };

// The result is seen as [outer, count, inner], row-major. An operand's place is o · outer stride + r · count stride + i · inner stride; its
// inner stride is 1, or 0 where one value serves the whole row. Rows are cut into pieces of at most `chunk`; a team has one piece, and
// f(o, r, first i, length) does it.
template <class F>
FN void each_piece(index_t outer, index_t count, index_t inner, int chunk, F f) {
    const index_t chunks = (inner + chunk - 1) / chunk;
    TEAM_LOOP (t, outer * count * chunks) {
        const index_t row = chunks == 1 ? t : t / chunks, at = (t - row * chunks) * chunk;
        const index_t o = count == 1 ? row : row / count;
        f(o, row - o * count, at, (int)m_min((index_t)chunk, inner - at));
    }
}

struct Moving {  // the operand's own value at each i
    const real* p;
    METHOD acc operator()(int i) const { return (acc)p[i]; }
};
struct Still {  // one value for the whole row
    acc v;
    METHOD acc operator()(int) const { return v; }
};
template <class F>
FN void with_operands(const real* a, bool a_moves, const real* b, bool b_moves, F f) {
    if (a_moves && b_moves) f(Moving{a}, Moving{b});
    else if (a_moves) f(Moving{a}, Still{(acc)b[0]});
    else f(Still{(acc)a[0]}, Moving{b});
}

KERNEL(broadcast_forward, real* RESTRICT y, const real* RESTRICT a, const real* RESTRICT b,  // y [outer, count, inner]
       index_t outer, index_t count, index_t inner, int chunk, index_t a_outer, index_t a_count, int a_inner, index_t b_outer,
       index_t b_count, int b_inner, int function) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        real* RESTRICT yr = y + (o * count + r) * inner + at;
        const real *ar = a + o * a_outer + r * a_count + at * a_inner, *br = b + o * b_outer + r * b_count + at * b_inner;
        with_operands(ar, a_inner, br, b_inner, [&](auto as, auto bs) {
#define FORWARD(name, value, da, db)        \
    case name:                              \
        LANE_LOOP (i, n) {                  \
            const acc a = as(i), b = bs(i); \
            yr[i] = (real)(value);          \
        }                                   \
        break;
            switch (function) { ROWS(FORWARD) }
        });
    });
}

// da and db, where wanted, of operands that were not broadcast.
KERNEL(broadcast_backward, real* RESTRICT das, real* RESTRICT dbs, const real* RESTRICT dy,  // [outer, count, inner]
       const real* RESTRICT a, const real* RESTRICT b, index_t outer, index_t count, index_t inner, int chunk, index_t a_outer,
       index_t a_count, int a_inner, index_t b_outer, index_t b_count, int b_inner, int function) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        const index_t place = (o * count + r) * inner + at;
        const real* RESTRICT gs = dy + place;
        const real *ar = a + o * a_outer + r * a_count + at * a_inner, *br = b + o * b_outer + r * b_count + at * b_inner;
        with_operands(ar, a_inner, br, b_inner, [&](auto as, auto bs) {
#define SLOPE_LOOP(to, slope)                                            \
    LANE_LOOP (i, n) {                                                   \
        [[maybe_unused]] const acc g = (acc)gs[i], a = as(i), b = bs(i); \
        to[place + i] = (real)(slope);                                   \
    }
#define BACKWARD(name, value, da, db)    \
    case name:                           \
        if (das) { SLOPE_LOOP(das, da) } \
        if (dbs) { SLOPE_LOOP(dbs, db) } \
        break;
            switch (function) { ROWS(BACKWARD) }
        });
    });
}

// The gradient of an operand whose one value served a row: each piece's sum, [outer, count, chunks]. `of_b` chooses the operand.
KERNEL(broadcast_backward_rows, acc* partial, const real* RESTRICT dy, const real* RESTRICT a, const real* RESTRICT b, index_t outer,
       index_t count, index_t inner, int chunk, index_t a_outer, index_t a_count, int a_inner, index_t b_outer, index_t b_count,
       int b_inner, int function, int of_b) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        const real* RESTRICT gs = dy + (o * count + r) * inner + at;
        const real *ar = a + o * a_outer + r * a_count + at * a_inner, *br = b + o * b_outer + r * b_count + at * b_inner;
        const index_t chunks = (inner + chunk - 1) / chunk;
        acc sum = 0;
        with_operands(ar, a_inner, br, b_inner, [&](auto as, auto bs) {
#define SLOPE_SUM(slope)                                                 \
    team_sum(n, [&](int i) {                                             \
        [[maybe_unused]] const acc g = (acc)gs[i], a = as(i), b = bs(i); \
        return slope;                                                    \
    })
#define BACKWARD_ROWS(name, value, da, db)          \
    case name:                                      \
        sum = of_b ? SLOPE_SUM(db) : SLOPE_SUM(da); \
        break;
            switch (function) { ROWS(BACKWARD_ROWS) }
        });
        LANE_ZERO partial[(o * count + r) * chunks + at / chunk] = sum;
    });
}

// The gradient of an operand whose one row served `count` rows: sums over runs of rows, [outer, runs, inner].
KERNEL(broadcast_backward_columns, acc* partial, const real* RESTRICT dy, const real* RESTRICT a, const real* RESTRICT b, index_t outer,
       index_t count, index_t inner, int chunk, index_t dy_outer, index_t dy_count, index_t a_outer, index_t a_count, int a_inner,
       index_t b_outer, index_t b_count, int b_inner, int function, int of_b, int run) {
    const index_t runs = m_max((count + run - 1) / run, (index_t)1);
    each_piece(outer, runs, inner, chunk, [&](index_t o, index_t k, index_t at, int n) {
        acc* RESTRICT sum = partial + (o * runs + k) * inner + at;
        const index_t end = m_min(count, (k + 1) * run);
        LANE_LOOP (i, n) sum[i] = 0;
        for (index_t r = k * run; r < end; ++r) {
            const real* RESTRICT gs = dy + o * dy_outer + r * dy_count + at;
            const real *ar = a + o * a_outer + r * a_count + at * a_inner, *br = b + o * b_outer + r * b_count + at * b_inner;
            with_operands(ar, a_inner, br, b_inner, [&](auto as, auto bs) {
#define SLOPE_ADD(slope)                                                 \
    LANE_LOOP (i, n) {                                                   \
        [[maybe_unused]] const acc g = (acc)gs[i], a = as(i), b = bs(i); \
        sum[i] += slope;                                                 \
    }
#define BACKWARD_COLUMNS(name, value, da, db) \
    case name:                                \
        if (of_b) {                           \
            SLOPE_ADD(db)                     \
        } else {                              \
            SLOPE_ADD(da)                     \
        }                                     \
        break;
                switch (function) { ROWS(BACKWARD_COLUMNS) }
            });
        }
    });
}

// y = scale · x, broadcast. With a scale of 1 bits are copied untouched, so that other types of the same size can be spread too.
KERNEL(broadcast_spread, real* RESTRICT y, const real* RESTRICT x, index_t outer, index_t count, index_t inner, int chunk, index_t x_outer,
       index_t x_count, int x_inner, double scale) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        real* RESTRICT yr = y + (o * count + r) * inner + at;
        const real* xr = x + o * x_outer + r * x_count + at * x_inner;
        if (x_inner && scale == 1.0) {
            LANE_LOOP (i, n) yr[i] = xr[i];
        } else if (x_inner) {
            LANE_LOOP (i, n) yr[i] = (real)((acc)xr[i] * (acc)scale);
        } else {
            const real v = scale == 1.0 ? xr[0] : (real)((acc)xr[0] * (acc)scale);
            LANE_LOOP (i, n) yr[i] = v;
        }
    });
}
KERNEL(broadcast_spread_bytes, uint8_t* RESTRICT y, const uint8_t* RESTRICT x, index_t outer, index_t count, index_t inner, int chunk,
       index_t x_outer, index_t x_count, int x_inner) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        uint8_t* RESTRICT yr = y + (o * count + r) * inner + at;
        const uint8_t* xr = x + o * x_outer + r * x_count + at * x_inner;
        LANE_LOOP (i, n) yr[i] = xr[x_inner ? i : 0];
    });
}

// y = mask ? (a, else the number) : (b, else 0); a and b [outer, count, inner] or absent, the mask broadcast. Also its own backward.
KERNEL(broadcast_select, real* RESTRICT y, const uint8_t* RESTRICT mask, const real* RESTRICT a, const real* RESTRICT b, index_t outer,
       index_t count, index_t inner, int chunk, index_t mask_outer, index_t mask_count, int mask_inner, float number) {
    each_piece(outer, count, inner, chunk, [&](index_t o, index_t r, index_t at, int n) {
        const index_t place = (o * count + r) * inner + at;
        const uint8_t* m = mask + o * mask_outer + r * mask_count + at * mask_inner;
        const acc v = (acc)number;
        if (a && b) {
            LANE_LOOP (i, n) y[place + i] = m[mask_inner ? i : 0] ? a[place + i] : b[place + i];
        } else if (a) {
            LANE_LOOP (i, n) y[place + i] = m[mask_inner ? i : 0] ? a[place + i] : (real)0;
        } else {
            LANE_LOOP (i, n) y[place + i] = m[mask_inner ? i : 0] ? (real)v : b[place + i];
        }
    });
}
