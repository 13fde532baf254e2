#include "kernel.h"

// running = (1 - momentum) * running + momentum * (batch mean, batch variance * correction); the correction is n / (n - 1).
KERNEL(batch_norm_track, acc* running_mean, acc* running_variance, const acc* mean, const acc* variance,  // [channels]
       float momentum, double correction, int channels) {
    ELEMENT_LOOP (c, channels) {
        running_mean[c] += (acc)momentum * (mean[c] - running_mean[c]);
        running_variance[c] += (acc)momentum * (variance[c] * (acc)correction - running_variance[c]);
    }
}

// rstd = 1 / sqrt(variance + eps)
KERNEL(batch_norm_frozen, acc* rstd, const acc* running_variance, float eps, int channels) {
    ELEMENT_LOOP (c, channels) rstd[c] = acc(1) / m_sqrt(running_variance[c] + (acc)eps);
}
