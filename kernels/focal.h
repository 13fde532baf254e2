// The sigmoid focal loss of one logit (Lin et al., 2017) with gamma = 2, and its derivative.
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
