#include "functions.h"

template <int bytes>
struct Integer {
    typedef int32_t Type;
};
template <>
struct Integer<8> {
    typedef int64_t Type;
};
typedef Integer<sizeof(acc)>::Type Key;

// The k-th largest of n numbers, k of which are not NaN: the largest threshold that k numbers reach, found bit by bit. Bits of a float,
// read as a signed integer, order like the number; negative ones after turning all but the sign.
FN acc threshold_of(const real* x, int n, int k) {
    const Key sign = (Key)1 << (sizeof(Key) * 8 - 1);
    const auto number = [&](Key key) { return (acc)m_from_bits(key < 0 ? (Key)(key ^ ~sign) : key); };
    const auto is_reached = [&](acc threshold) {
        return team_sum(n, [&](int c) { return (acc)((acc)x[c] >= threshold ? 1 : 0); }) >= (acc)k;
    };
    Key key = is_reached(0) ? 0 : sign;
    for (Key bit = (Key)1 << (sizeof(Key) * 8 - 2); bit; bit >>= 1) {
        if (is_reached(number(key | bit))) key |= bit;
    }
    const acc found = number(key);
    return found != found ? -(acc)INFINITY : found;  // -infinity lies behind keys that are no numbers, which nothing reaches
}

// The k largest of each row in descending order; equal ones in the order of their places, NaN last. One team per row: it takes what is
// above the threshold, then of what equals it the first ones, then puts the former in order by counting for each how many are better.
KERNEL(top_k_forward, real* y, int* index,       // [rows, k]
       real* above, int* places, const real* x,  // [rows, k], [rows, k]: unsorted, for the kernel's own use; [rows, n]
       index_t rows, int n, int k) {
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * n;
        real *yr = y + r * k, *from = above + r * k;
        int *at = index + r * k, *place = places + r * k;
        const bool lacks = team_sum(n, [&](int c) { return (acc)((acc)xr[c] == (acc)xr[c] ? 1 : 0); }) < (acc)k;
        const acc threshold = lacks ? (acc)NAN : threshold_of(xr, n, k);
        const auto is_above = [&](int c) { return lacks ? (acc)xr[c] == (acc)xr[c] : (acc)xr[c] > threshold; };
        const auto is_equal = [&](int c) { return lacks ? (acc)xr[c] != (acc)xr[c] : (acc)xr[c] == threshold; };
        const int better = team_scan(n, is_above, [&](int c, int i) {
            if (is_above(c)) {
                from[i] = xr[c];
                place[i] = c;
            }
        });
        team_scan(n, is_equal, [&](int c, int i) {
            if (is_equal(c) && better + i < k) {
                yr[better + i] = xr[c];
                at[better + i] = c;
            }
        });
        LANE_LOOP (i, better) {
            const acc v = (acc)from[i];
            int rank = 0;
            for (int j = 0; j < better; ++j) rank += (acc)from[j] > v || ((acc)from[j] == v && j < i);
            yr[rank] = from[i];
            at[rank] = place[i];
        }
    }
}

// dx[r, index[r, j]] = dy[r, j], elsewhere 0.
KERNEL(top_k_backward, real* dx, const real* dy, const int* index, index_t rows, int n, int k) {
    TEAM_LOOP (r, rows) {
        LANE_LOOP (c, n) dx[r * n + c] = (real)0;
        LANE_LOOP (j, k) dx[r * n + index[r * k + j]] = dy[r * k + j];
    }
}
