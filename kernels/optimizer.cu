#include "kernel.h"

// Parameters and gradients lie in flat buffers, in blocks of 32 that belong to one parameter each; what is between parameters is zero and
// stays zero. rates[b] = (learning rate, weight decay) of block b, as factors of the step's.
//
// What changes from step to step lies in device memory, so that a recorded step can be run again: numbers =
// (learning rate, c1, c2, what gradients are multiplied by, share of the moving average).
#define BLOCK 32
#define BLOCKS_A_RUN 512  // a partial sum of the norm: fixed, so that the number of workers does not change a bit

enum Numbers { RATE, C1, C2, UNSCALE, AVERAGE_SHARE };

// A step whose norm is not finite changes nothing: its gradients are thrown away. The host learns of it later.
FN bool is_broken(const float* norm) { return norm && !(norm[0] < INFINITY); }

// What gradients are multiplied by, for their global norm to be at most clip.
FN float gradient_scale(const float* norm, float clip, const double* numbers) {
    const float unscale = (float)numbers[UNSCALE];
    if (!norm || clip <= 0.0f) return unscale;
    const float scale = clip / (norm[0] + 1e-6f);
    return scale < 1.0f ? scale * unscale : unscale;
}

// AdamW with decoupled decay:  m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g²,  p = p (1 - lr·decay) - lr / c1 · m / (sqrt(v)/c2 + eps)
// with c1 = 1 - b1^t and c2 = sqrt(1 - b2^t). Sets g to zero for the next step.
KERNEL(optimizer_adamw,
       float* p,            // [blocks * 32]
       float* g,            // [blocks * 32]
       float* m,            // [blocks * 32] first moment
       float* v,            // [blocks * 32] second moment
       const float* rates,  // [blocks, 2]
       const double* numbers,
       const float* norm,  // [1] or absent
       index_t blocks, double decay, double beta1, double beta2, double eps, float clip) {
    const double lr = numbers[RATE], c1 = numbers[C1];
    const float scale = gradient_scale(norm, clip, numbers);
    const float b1 = (float)beta1, a1 = (float)(1.0 - beta1), b2 = (float)beta2, a2 = (float)(1.0 - beta2);
    const float root = (float)numbers[C2], small = (float)eps;
    const bool broken = is_broken(norm);
    TEAM_LOOP (t, blocks) {
        if (broken) {
            LANE_LOOP (c, BLOCK) g[t * BLOCK + c] = 0.0f;
            continue;
        }
        const float keep = (float)(1.0 - lr * rates[2 * t] * decay * rates[2 * t + 1]);
        const float step = (float)(lr * rates[2 * t] / c1);
        const index_t at = t * BLOCK;
        LANE_LOOP (c, BLOCK) {
            const float d = g[at + c] * scale;
            const float first = b1 * m[at + c] + a1 * d, second = b2 * v[at + c] + a2 * d * d;
            m[at + c] = first;
            v[at + c] = second;
            p[at + c] = p[at + c] * keep - step * (first / (m_sqrt(second) / root + small));
            g[at + c] = 0.0f;
        }
    }
}

// SGD:  m = momentum m + g + decay p,  p = p - lr m. Sets g to zero for the next step.
KERNEL(optimizer_sgd,
       float* p,            // [blocks * 32]
       float* g,            // [blocks * 32]
       float* m,            // [blocks * 32]
       const float* rates,  // [blocks, 2]
       const double* numbers,
       const float* norm,  // [1] or absent
       index_t blocks, double decay, float momentum, float clip) {
    const double lr = numbers[RATE];
    const float scale = gradient_scale(norm, clip, numbers);
    const bool broken = is_broken(norm);
    TEAM_LOOP (t, blocks) {
        if (broken) {
            LANE_LOOP (c, BLOCK) g[t * BLOCK + c] = 0.0f;
            continue;
        }
        const float rate = (float)(lr * rates[2 * t]), loss = (float)(decay * rates[2 * t + 1]);
        const index_t at = t * BLOCK;
        LANE_LOOP (c, BLOCK) {
            const float velocity = momentum * m[at + c] + (g[at + c] * scale + loss * p[at + c]);
            m[at + c] = velocity;
            p[at + c] -= rate * velocity;
            g[at + c] = 0.0f;
        }
    }
}

// partial[r] = sum of the squares of run r of x
KERNEL(optimizer_square_runs, float* partial, const float* x, index_t blocks) {
    TEAM_LOOP (r, (blocks + BLOCKS_A_RUN - 1) / BLOCKS_A_RUN) {
        const index_t begin = r * BLOCKS_A_RUN * BLOCK, rest = blocks * BLOCK - begin;
        const float* run = x + begin;
        const float sum =
            team_sum((int)(rest < BLOCKS_A_RUN * BLOCK ? rest : BLOCKS_A_RUN * BLOCK), [&](int c) { return run[c] * run[c]; });
        LANE_ZERO partial[r] = sum;
    }
}

// norm[0] = sqrt of the sum of the partial sums
KERNEL(optimizer_norm, float* norm, const float* partial, int runs) {
    TEAM_LOOP (t, 1) {
        const float sum = team_sum(runs, [&](int r) { return partial[r]; });
        LANE_ZERO norm[t] = m_sqrt(sum);
    }
}

// What a step reports: losses, and behind them the norm of the gradients as they would be without a scale; NaN if a loss is not finite.
KERNEL(optimizer_report, float* losses, const float* norm, const double* numbers, int n) {  // [n + 1], [1]
    TEAM_LOOP (t, 1) {
        const float broken = team_sum(n, [&](int i) { return m_abs(losses[i]) < INFINITY ? 0.0f : 1.0f; });
        LANE_ZERO losses[t + n] = broken > 0.0f ? NAN : norm[0] * (float)numbers[UNSCALE];
    }
}

// average += share * (value - average), unless the step is broken
KERNEL(optimizer_average, float* average, const float* values, const double* numbers, const float* norm, index_t n) {
    const float share = is_broken(norm) ? 0.0f : (float)numbers[AVERAGE_SHARE];
    ELEMENT_LOOP (i, n) average[i] = average[i] + share * (values[i] - average[i]);
}
