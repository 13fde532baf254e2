#include "least.h"

// Probabilistic anchor assignment (Kim & Lee, 2020): of the anchors that a first assignment gave to a truth, those stay positive whose
// losses the better of two normal distributions explains.

KERNEL(assign_paa_begin, int* index, const int* first,  // [batch, rows], the same: the truth, -1, -2
       index_t count) {
    ELEMENT_LOOP (i, count) index[i] = m_min(first[i], -1);
}

// A truth's anchors of least loss on a level, least first. One team per (picture, truth, level).
KERNEL(assign_paa_candidates, int* candidates,  // [batch, most, levels, each]: rows, -1 if there are fewer
       const int* first, const float* losses,   // [batch, rows] each
       const int* counts, const int* starts,    // [batch], [levels]: first token of each
       int batch, int most, int rows, int levels, int per_token, int each) {
    TEAM_LOOP (t, (index_t)batch * most * levels) {
        const int level = (int)(t % levels), truth = (int)(t / levels % most);
        const index_t b = t / levels / most;
        if (truth < counts[b]) {
            TEAM_SCRATCH(double, best, most_lots);
            TEAM_SCRATCH(float, at, most_lots);
            const int begin = starts[level] * per_token, n = (level + 1 < levels ? starts[level + 1] * per_token : rows) - begin;
            const int* own = first + b * rows + begin;
            const float* loss = losses + b * rows + begin;
            int* out = candidates + t * each;
            least_of_run(out, each, n, [&](int i) { return own[i] == truth ? (double)loss[i] : (double)INFINITY; }, best, at);
            LANE_LOOP (i, each) out[i] += out[i] < 0 ? 0 : begin;
        }
    }
}

// Candidates of all levels in the order of their losses, of equal ones in the order of the levels. One team per (picture, truth).
KERNEL(assign_paa_sort, int* sorted, float* values, int* sizes,  // [batch, most, of_truth], the same, [batch, most]: how many there are
       const int* candidates, const float* losses,               // [batch, most, of_truth], [batch, rows]
       const int* counts, int batch, int most, int rows, int of_truth) {
    TEAM_LOOP (t, (index_t)batch * most) {
        const index_t b = t / most;
        const int* own = candidates + t * of_truth;
        const float* loss = losses + b * rows;
        const bool exists = t % most < counts[b];
        const int size = exists ? (int)team_sum(of_truth, [&](int c) { return own[c] >= 0 ? acc(1) : acc(0); }) : 0;
        LANE_LOOP (c, exists ? of_truth : 0) {
            if (own[c] >= 0) {
                int rank = 0;
                for (int o = 0; o < of_truth; ++o) {
                    if (own[o] >= 0) rank += loss[own[o]] < loss[own[c]] || (loss[own[o]] == loss[own[c]] && o < c);
                }
                sorted[t * of_truth + rank] = own[c];
                values[t * of_truth + rank] = loss[own[c]];
            }
        }
        LANE_ZERO sizes[t] = size;
    }
}

// A product that is rounded by itself: compilers, which fuse a product with the sum that takes it in one place and not in another, do not
// see through the maximum. Components that are equal stay so.
FN double times(double a, double b) { return m_max(-(double)INFINITY, a * b); }

// A mixture of two normal distributions of one variable.
struct Mixture {
    double mean[2], variance[2], weight[2];
    // The logarithm of a component's weighted density.
    METHOD double part(int k, double x) const {
        return m_log(weight[k]) - 0.5 * (1.8378770664093453 + m_log(variance[k]) + (x - mean[k]) * (x - mean[k]) / variance[k]);
    }
};

// Fits it by expectation and maximisation, beginning with the outermost values as means and variances of 1; variances get 1e-6 more. Where
// the mean likelihood rises by less than 1e-3, or after 100 rounds, it ends with another expectation. shares[c, k] becomes component k's
// share in value c, density[c] the logarithm of its density. Every lane sums in the order of the values.
FN Mixture fitted(const float* x, int n, double* shares, double* density) {
    double low = x[0], high = x[0], before = -(double)INFINITY;
    for (int c = 1; c < n; ++c) {
        low = m_min(low, (double)x[c]);
        high = m_max(high, (double)x[c]);
    }
    Mixture m = {{low, high}, {1, 1}, {0.5, 0.5}};
    bool is_last = false;
    for (int round = 1;; ++round) {
        LANE_LOOP (c, n) {
            const double a = m.part(0, x[c]), b = m.part(1, x[c]), larger = m_max(a, b);
            density[c] = larger + m_log(m_exp(a - larger) + m_exp(b - larger));
            shares[2 * c] = m_exp(a - density[c]);
            shares[2 * c + 1] = m_exp(b - density[c]);
        }
        team_sync();
        if (is_last) return m;
        double likelihood = 0, all = 0;
        for (int c = 0; c < n; ++c) likelihood += density[c];
        likelihood /= n;
        for (int k = 0; k < 2; ++k) {
            double total = 10 * 2.220446049250313e-16, sum = 0, squares = 0;
            for (int c = 0; c < n; ++c) {
                const double share = shares[2 * c + k];
                total += share;
                sum += times(share, x[c]);
                squares += times(share * x[c], x[c]);
            }
            m.mean[k] = sum / total;
            m.variance[k] = squares / total - times(m.mean[k], m.mean[k]) + 1e-6;
            m.weight[k] = total;
            all += total;
        }
        m.weight[0] /= all;
        m.weight[1] /= all;
        is_last = m_abs(likelihood - before) < 1e-3 || round == 100;
        before = likelihood;
    }
}

// The mixture of each problem's values: which component explains a value better (the first if both do equally), the logarithm of its
// density, and means, variances and weights. One team per problem, lanes over values.
KERNEL(assign_paa_mixture, int* component, double* density, double* mixture,  // [problems, n], [problems, n], [problems, 3, 2]
       const float* values, const int* sizes,                                 // [problems, n], [problems]: how many are there
       int problems, int n) {
    TEAM_LOOP (p, problems) {
        if (sizes[p] >= 2) {
            TEAM_SCRATCH(double, shares, 2 * n);
            const Mixture m = fitted(values + p * n, sizes[p], shares, density + p * n);
            LANE_LOOP (c, sizes[p]) component[p * n + c] = shares[2 * c] >= shares[2 * c + 1] ? 0 : 1;
            LANE_ZERO {
                for (int k = 0; k < 2; ++k) {
                    mixture[6 * p + k] = m.mean[k];
                    mixture[6 * p + 2 + k] = m.variance[k];
                    mixture[6 * p + 4 + k] = m.weight[k];
                }
            }
        }
    }
}

// Positive are the values of the first component up to the densest of them. One team per (picture, truth), lanes over its candidates.
KERNEL(assign_paa_keep, int* index,                  // [batch, rows]: as begun
       const int* component, const double* density,  // [batch, most, of_truth] each
       const int* sorted, const int* sizes,          // [batch, most, of_truth], [batch, most]
       int batch, int most, int rows, int of_truth) {
    TEAM_LOOP (t, (index_t)batch * most) {
        const int size = sizes[t] < 2 ? 0 : sizes[t];
        const int* own = component + t * of_truth;
        const double* dense = density + t * of_truth;
        const int last = team_min_index<double>(size, [&](int c) { return own[c] == 0 ? -dense[c] : (double)INFINITY; }).index;
        LANE_LOOP (c, last + 1) {
            if (own[c] == 0) index[t / most * rows + sorted[t * of_truth + c]] = (int)(t % most);
        }
    }
}
