#include "functions.h"

// Classification losses: value and derivative of each in one place. p = sigmoid(x), t the target of a logit, bce its binary cross entropy.
//
//   focal            alpha_t |t - p|^gamma bce, t in {0, 1}                         (Lin et al., 2017)
//   quality focal    |t - p|^gamma bce, t the quality in [0, 1]                     (Li et al., 2020)
//   varifocal        t bce (or bce) where t > 0, else alpha |t - p|^gamma bce       (Zhang et al., 2021)
//   cross entropy    bce

enum { FOCAL, QUALITY_FOCAL, VARIFOCAL, VARIFOCAL_EVEN, BINARY };

struct Term {
    acc value, slope;
};

FN acc power(acc x, acc exponent) {
    return exponent == acc(2) ? x * x : exponent == acc(1) ? x : exponent == acc(0) ? acc(1) : m_exp(exponent * m_log(x));
}

template <int kind>
FN Term class_term(acc x, acc t, acc alpha, acc gamma) {
    const acc e = m_exp(-m_abs(x)), p = (x < 0 ? e : acc(1)) / (acc(1) + e);
    const acc bce = m_max(x, acc(0)) - x * t + m_log1p(e), dbce = p - t;
    const acc d = m_abs(p - t), m = power(d, gamma), dm = gamma * power(d, gamma - acc(1)) * p * (acc(1) - p) * (p < t ? acc(-1) : acc(1));
    const acc w = kind == FOCAL ? (t > 0 ? alpha : acc(1) - alpha) : kind == QUALITY_FOCAL ? acc(1) : alpha;
    const Term plain = {bce, dbce}, modulated = {w * m * bce, w * (dm * bce + m * dbce)};
    if (kind == BINARY) return t < 0 ? Term{0, 0} : plain;
    if (kind == VARIFOCAL) return t > 0 ? Term{t * bce, t * dbce} : modulated;
    if (kind == VARIFOCAL_EVEN) return t > 0 ? plain : modulated;
    return modulated;
}

// The targets of a row: given one by one, or a label that owns `score` (1 if absent). A label below 0 is ignored, one from `classes` on is
// background.
struct Targets {
    const acc *each, *scores, *weights, *class_weights;  // [rows, classes], [rows], [rows (* classes)], [classes]; all may be absent
    const int* labels;                                   // [rows] or absent
    int classes, weights_of_row;                         // 1 or classes

    METHOD acc target(index_t r, int c) const {
        return each ? each[r * classes + c] : c != labels[r] ? acc(0) : scores ? scores[r] : acc(1);
    }
    METHOD acc weight(index_t r, int c) const {
        acc w = labels && labels[r] < 0 ? acc(0) : weights ? weights[r * weights_of_row + (weights_of_row > 1 ? c : 0)] : acc(1);
        return class_weights ? w * class_weights[c] : w;
    }
};

template <int kind>
FN void forward(acc* loss, const real* x, const Targets& t, index_t rows, int sum_rows, acc alpha, acc gamma) {
    TEAM_LOOP (r, rows) {
        const auto value = [&](int c) {
            return class_term<kind>((acc)x[r * t.classes + c], t.target(r, c), alpha, gamma).value * t.weight(r, c);
        };
        if (sum_rows) {
            const acc s = team_sum(t.classes, value);
            LANE_ZERO loss[r] = s;
        } else {
            LANE_LOOP (c, t.classes) loss[r * t.classes + c] = value(c);
        }
    }
}

template <int kind>
FN void backward(real* dx, const acc* upstream, const real* x, const Targets& t, index_t rows, index_t row_step, int class_step, acc alpha,
                 acc gamma) {
    TEAM_LOOP (r, rows) {
        LANE_LOOP (c, t.classes) {
            const acc slope = class_term<kind>((acc)x[r * t.classes + c], t.target(r, c), alpha, gamma).slope;
            dx[r * t.classes + c] = (real)(upstream[r * row_step + c * class_step] * slope * t.weight(r, c));
        }
    }
}

// loss [rows] if sum_rows, else [rows, classes]
KERNEL(class_loss_forward, acc* loss, const real* x, const acc* targets, const int* labels, const acc* scores, const acc* weights,
       const acc* class_weights, index_t rows, int classes, int weights_of_row, int sum_rows, int kind, float alpha, float gamma) {
    const Targets t = {targets, scores, weights, class_weights, labels, classes, weights_of_row};
    if (kind == FOCAL) forward<FOCAL>(loss, x, t, rows, sum_rows, alpha, gamma);
    else if (kind == QUALITY_FOCAL) forward<QUALITY_FOCAL>(loss, x, t, rows, sum_rows, alpha, gamma);
    else if (kind == VARIFOCAL) forward<VARIFOCAL>(loss, x, t, rows, sum_rows, alpha, gamma);
    else if (kind == VARIFOCAL_EVEN) forward<VARIFOCAL_EVEN>(loss, x, t, rows, sum_rows, alpha, gamma);
    else forward<BINARY>(loss, x, t, rows, sum_rows, alpha, gamma);
}

KERNEL(class_loss_backward, real* dx, const acc* upstream, const real* x, const acc* targets, const int* labels, const acc* scores,
       const acc* weights, const acc* class_weights, index_t rows, int classes, int weights_of_row, index_t row_step, int class_step,
       int kind, float alpha, float gamma) {
    const Targets t = {targets, scores, weights, class_weights, labels, classes, weights_of_row};
    if (kind == FOCAL) backward<FOCAL>(dx, upstream, x, t, rows, row_step, class_step, alpha, gamma);
    else if (kind == QUALITY_FOCAL) backward<QUALITY_FOCAL>(dx, upstream, x, t, rows, row_step, class_step, alpha, gamma);
    else if (kind == VARIFOCAL) backward<VARIFOCAL>(dx, upstream, x, t, rows, row_step, class_step, alpha, gamma);
    else if (kind == VARIFOCAL_EVEN) backward<VARIFOCAL_EVEN>(dx, upstream, x, t, rows, row_step, class_step, alpha, gamma);
    else backward<BINARY>(dx, upstream, x, t, rows, row_step, class_step, alpha, gamma);
}

// Softmax cross entropy with a label, or with a number y between two bins that share it: (r - y) for l = floor(y), (y - l) for r = l + 1.
struct Bins {
    int low;
    acc share;  // of the bin above
    bool counts;
};

FN Bins bins_of(const int* labels, const acc* targets, index_t r, int classes) {
    if (labels) return {labels[r], acc(0), labels[r] >= 0 && labels[r] < classes};
    const int low = (int)m_clamp(m_floor(targets[r]), acc(0), acc(classes - 1));
    return {low, targets[r] - (acc)low, true};
}

KERNEL(class_loss_softmax_forward, acc* loss, const real* x, const int* labels, const acc* targets,
       const acc* weights,  // [rows], [rows, classes], [rows] …
       index_t rows, int classes) {
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * classes;
        const Bins b = bins_of(labels, targets, r, classes);
        const acc top = team_max(classes, [&](int c) { return (acc)xr[c]; });
        const acc sum = team_sum(classes, [&](int c) { return m_exp((acc)xr[c] - top); });
        LANE_ZERO {
            acc own = 0;
            if (b.counts) own = (acc(1) - b.share) * (acc)xr[b.low];
            if (b.share > 0 && b.low + 1 < classes) own += b.share * (acc)xr[b.low + 1];
            loss[r] = b.counts ? (m_log(sum) + top - own) * (weights ? weights[r] : acc(1)) : acc(0);
        }
    }
}

KERNEL(class_loss_softmax_backward, real* dx, const acc* upstream, const real* x, const int* labels, const acc* targets, const acc* weights,
       index_t rows, int classes, int row_step) {
    TEAM_LOOP (r, rows) {
        const real* xr = x + r * classes;
        real* dxr = dx + r * classes;
        const Bins b = bins_of(labels, targets, r, classes);
        const acc top = team_max(classes, [&](int c) { return (acc)xr[c]; });
        const acc scale = acc(1) / team_sum(classes, [&](int c) { return m_exp((acc)xr[c] - top); });
        const acc g = b.counts ? upstream[r * row_step] * (weights ? weights[r] : acc(1)) : acc(0);
        LANE_LOOP (c, classes) {
            const acc own = c == b.low ? acc(1) - b.share : c == b.low + 1 ? b.share : acc(0);
            dxr[c] = (real)(g * (m_exp((acc)xr[c] - top) * scale - own));
        }
    }
}
