#include "kernel.h"

// The classes of a federated loss (Zhou et al., CenterNet2, 2021): those that the images show, and others up to `sampled` in all, drawn
// without replacement with chances in proportion to the root of their frequency: the smallest of keys -ln(1 - u) / weight win (Efraimidis
// and Spirakis, 2006). One team.
KERNEL(fed_loss_classes, acc* mask, acc* keys,      // [classes], [classes]: working space
       const int* labels, const int* counts,        // [images, most], [images]
       const acc* frequencies, const acc* numbers,  // [classes], [classes] in [0, 1)
       int images, int most, int classes, int sampled) {
    TEAM_LOOP (one, 1) {
        LANE_LOOP (c, classes) {
            int shown = 0;
            for (int image = 0; image < images; ++image) {
                for (int j = 0; j < counts[image]; ++j) shown |= labels[(index_t)image * most + j] == c;
            }
            mask[c] = shown ? acc(1) : acc(0);
            keys[c] = shown || !(frequencies[c] > 0) ? (acc)INFINITY : -m_log(acc(1) - numbers[c]) / m_sqrt(frequencies[c]);
        }
        for (int n = (int)team_sum(classes, [&](int c) { return mask[c]; }); n < sampled; ++n) {
            const int best = team_min_index<acc>(classes, [&](int c) { return keys[c]; }).index;
            if (best < 0) break;
            LANE_ZERO {
                mask[best] = 1;
                keys[best] = (acc)INFINITY;
            }
        }
    }
}
