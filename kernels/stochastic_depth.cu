#include "kernel.h"

// A residual branch that a picture skips now and then: y[b, :] = x[b, :] + s branch[b, :], with s = 0 where draws[b] < rate, and else
// 1 / (1 - rate). A picture is cut into pieces; one team per piece.
template <class F>
FN void each_piece(const acc* draws, acc rate, index_t batch, index_t inner, int piece, F f) {
    const index_t pieces = (inner + piece - 1) / piece;
    TEAM_LOOP (t, batch * pieces) {
        const index_t b = t / pieces, at = (t - b * pieces) * piece;
        f(b * inner + at, (int)m_min((index_t)piece, inner - at), draws[b] < rate ? acc(0) : acc(1) / (acc(1) - rate));
    }
}

KERNEL(stochastic_depth_forward, real* y, const real* x, const real* branch, const acc* draws,  // [batch, inner], [batch]
       index_t batch, index_t inner, int piece, float rate) {
    each_piece(draws, (acc)rate, batch, inner, piece, [&](index_t at, int n, acc s) {
        real* RESTRICT yr = y + at;
        const real *RESTRICT xr = x + at, *RESTRICT br = branch + at;
        LANE_LOOP (i, n) yr[i] = (real)((acc)xr[i] + s * (acc)br[i]);
    });
}

KERNEL(stochastic_depth_backward, real* dbranch, const real* dy, const acc* draws,  // [batch, inner], [batch]
       index_t batch, index_t inner, int piece, float rate) {
    each_piece(draws, (acc)rate, batch, inner, piece, [&](index_t at, int n, acc s) {
        real* RESTRICT to = dbranch + at;
        const real* RESTRICT from = dy + at;
        LANE_LOOP (i, n) to[i] = (real)(s * (acc)from[i]);
    });
}
