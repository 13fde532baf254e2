// The sigmoid focal loss of one logit (Lin et al., 2017) with gamma = 2 and the quality focal loss (Li et al., 2020) with beta = 2, and
// their derivatives.
#pragma once
#include "kernel.h"

FN acc softplus(acc x) { return m_max(x, acc(0)) + m_log(acc(1) + m_exp(-m_abs(x))); }

FN acc focal_loss(acc x, bool is_positive, acc alpha) {
    const acc p = m_sigmoid(x);
    return is_positive ? alpha * (1 - p) * (1 - p) * softplus(-x) : (1 - alpha) * p * p * softplus(x);
}

FN acc focal_slope(acc x, bool is_positive, acc alpha) {
    const acc p = m_sigmoid(x);
    return is_positive ? -alpha * (1 - p) * (1 - p) * (1 - p + 2 * p * softplus(-x))
                       : (1 - alpha) * p * p * (p + 2 * (1 - p) * softplus(x));
}

// |t - p|^2 times the binary cross entropy with the quality t in [0, 1]
FN acc quality_focal_loss(acc x, acc t) {
    const acc d = m_sigmoid(x) - t;
    return d * d * (softplus(x) - x * t);
}

FN acc quality_focal_slope(acc x, acc t) {
    const acc p = m_sigmoid(x), d = p - t;
    return d * (2 * p * (1 - p) * (softplus(x) - x * t) + d * d);
}
