#include "functions.h"

// Classification losses: value and derivative of each in one place. p = sigmoid(x), t the target of a logit, bce its binary cross entropy.
//
//   focal            alpha_t |t - p|^gamma bce, t in {0, 1}                         (Lin et al., 2017)
//   quality focal    |t - p|^gamma bce, t the quality in [0, 1]                     (Li et al., 2020)
//   varifocal        t bce (or bce) where t > 0, else alpha |t - p|^gamma bce       (Zhang et al., 2021)
//   cross entropy    bce

// Names as in ClassLoss.cs. Targets come from a row's label, or one by one.
enum { FOCAL, QUALITY_FOCAL, VARIFOCAL, VARIFOCAL_EVEN, BINARY_OF_LABELS, BINARY };

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
    if (kind == BINARY_OF_LABELS) return {bce, dbce};
    if (kind == BINARY) return {t < 0 ? acc(0) : bce, t < 0 ? acc(0) : dbce};
    const acc d = m_abs(p - t), m = power(d, gamma), dm = gamma * power(d, gamma - acc(1)) * p * (acc(1) - p) * (p < t ? acc(-1) : acc(1));
    const acc w = kind == FOCAL ? (t > 0 ? alpha : acc(1) - alpha) : kind == QUALITY_FOCAL ? acc(1) : alpha;
    const Term modulated = {w * m * bce, w * (dm * bce + m * dbce)};
    if (kind == FOCAL || kind == QUALITY_FOCAL) return modulated;
    const acc q = kind == VARIFOCAL ? t : acc(1);
    return {t > 0 ? q * bce : modulated.value, t > 0 ? q * dbce : modulated.slope};
}

struct Targets {
    const acc *each, *scores, *weights, *class_weights;  // [rows, classes], [rows], [rows (* classes)], [classes]; any may be absent
    const int* labels;                                   // [rows] or absent
    int classes, weights_of_row;                         // 1 or classes
    acc alpha, gamma;

    METHOD bool is_plain() const { return gamma == acc(2) && weights_of_row == 1 && !class_weights; }
};

// What a row decides for all its classes.
struct Row {
    const acc *each, *weights;  // of this row; may be absent
    int own;                    // its label
    acc score, weight;
};

FN Row row_of(const Targets& t, index_t r) {
    const int own = t.labels ? t.labels[r] : 0;
    const acc* weights = t.weights ? t.weights + r * t.weights_of_row : t.weights;
    return {t.each ? t.each + r * t.classes : t.each, weights, own, t.scores ? t.scores[r] : acc(1),
            own < 0                            ? acc(0)
            : weights && t.weights_of_row == 1 ? weights[0]
                                               : acc(1)};
}

// The weighted term of a class. `plain`, one weight for the row and gamma 2, leaves a lane loop nothing to decide.
template <int kind, bool plain>
FN Term term_of(const Targets& t, const Row& row, acc x, int c) {
    const acc target =
        kind == FOCAL || kind == QUALITY_FOCAL || kind == BINARY_OF_LABELS ? (c == row.own ? row.score : acc(0)) : row.each[c];
    const Term term = class_term<kind>(x, target, t.alpha, plain ? acc(2) : t.gamma);
    acc w = row.weight;
    if (!plain && t.weights_of_row > 1) w *= row.weights[c];
    if (!plain && t.class_weights) w *= t.class_weights[c];
    return {w * term.value, w * term.slope};
}

template <int kind, bool plain>
FN void forward(acc* loss, const real* x, const Targets& t, index_t rows, int sum_rows) {
    TEAM_LOOP (r, rows) {
        const Row row = row_of(t, r);
        const real* xr = x + r * t.classes;
        if (sum_rows) {
            const acc s = team_sum(t.classes, [&](int c) { return term_of<kind, plain>(t, row, (acc)xr[c], c).value; });
            LANE_ZERO loss[r] = s;
        } else {
            LANE_LOOP (c, t.classes) loss[r * t.classes + c] = term_of<kind, plain>(t, row, (acc)xr[c], c).value;
        }
    }
}

template <int kind, bool plain>
FN void backward(real* dx, const acc* upstream, const real* x, const Targets& t, index_t rows, index_t row_step, int class_step) {
    TEAM_LOOP (r, rows) {
        const Row row = row_of(t, r);
        const real* xr = x + r * t.classes;
        real* dxr = dx + r * t.classes;
        if (class_step) {
            LANE_LOOP (c, t.classes) dxr[c] = (real)(upstream[r * row_step + c] * term_of<kind, plain>(t, row, (acc)xr[c], c).slope);
        } else {
            const acc g = upstream[r * row_step];
            LANE_LOOP (c, t.classes) dxr[c] = (real)(g * term_of<kind, plain>(t, row, (acc)xr[c], c).slope);
        }
    }
}

template <int kind>
FN void forward_of(acc* loss, const real* x, const Targets& t, index_t rows, int sum_rows) {
    if (t.is_plain()) forward<kind, true>(loss, x, t, rows, sum_rows);
    else forward<kind, false>(loss, x, t, rows, sum_rows);
}

template <int kind>
FN void backward_of(real* dx, const acc* upstream, const real* x, const Targets& t, index_t rows, index_t row_step, int class_step) {
    if (t.is_plain()) backward<kind, true>(dx, upstream, x, t, rows, row_step, class_step);
    else backward<kind, false>(dx, upstream, x, t, rows, row_step, class_step);
}

// loss [rows] if sum_rows, else [rows, classes]
KERNEL(class_loss_forward, acc* loss, const real* x, const acc* targets, const int* labels, const acc* scores, const acc* weights,
       const acc* class_weights, index_t rows, int classes, int weights_of_row, int sum_rows, int kind, float alpha, float gamma) {
    const Targets t = {targets, scores, weights, class_weights, labels, classes, weights_of_row, (acc)alpha, (acc)gamma};
    if (kind == FOCAL) forward_of<FOCAL>(loss, x, t, rows, sum_rows);
    else if (kind == QUALITY_FOCAL) forward_of<QUALITY_FOCAL>(loss, x, t, rows, sum_rows);
    else if (kind == VARIFOCAL) forward_of<VARIFOCAL>(loss, x, t, rows, sum_rows);
    else if (kind == VARIFOCAL_EVEN) forward_of<VARIFOCAL_EVEN>(loss, x, t, rows, sum_rows);
    else if (kind == BINARY_OF_LABELS) forward_of<BINARY_OF_LABELS>(loss, x, t, rows, sum_rows);
    else forward_of<BINARY>(loss, x, t, rows, sum_rows);
}

KERNEL(class_loss_backward, real* dx, const acc* upstream, const real* x, const acc* targets, const int* labels, const acc* scores,
       const acc* weights, const acc* class_weights, index_t rows, int classes, int weights_of_row, index_t row_step, int class_step,
       int kind, float alpha, float gamma) {
    const Targets t = {targets, scores, weights, class_weights, labels, classes, weights_of_row, (acc)alpha, (acc)gamma};
    if (kind == FOCAL) backward_of<FOCAL>(dx, upstream, x, t, rows, row_step, class_step);
    else if (kind == QUALITY_FOCAL) backward_of<QUALITY_FOCAL>(dx, upstream, x, t, rows, row_step, class_step);
    else if (kind == VARIFOCAL) backward_of<VARIFOCAL>(dx, upstream, x, t, rows, row_step, class_step);
    else if (kind == VARIFOCAL_EVEN) backward_of<VARIFOCAL_EVEN>(dx, upstream, x, t, rows, row_step, class_step);
    else if (kind == BINARY_OF_LABELS) backward_of<BINARY_OF_LABELS>(dx, upstream, x, t, rows, row_step, class_step);
    else backward_of<BINARY>(dx, upstream, x, t, rows, row_step, class_step);
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
