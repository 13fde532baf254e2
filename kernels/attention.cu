#include "kernel.h"

// A chunk of attention: scores [images, heads, queries, keys] that begin at `image`, `head` and `query` of the whole, which has `all_heads`
// and `all_queries`. The product q·k / sqrt(d) is in them already. A mask's row begins at image * image_step + head * head_step + query *
// keys: a step of 0 shares it among images or heads.

// Hides keys from a row of scores, and adds its bias; each of the three may be null.
FN void mask_row(real* row, const uint8_t* blocked, const uint8_t* padded, const acc* bias, int keys) {
    if (bias) {
        LANE_LOOP (k, keys) row[k] = (real)((acc)row[k] + bias[k]);
    }
    if (blocked) {
        LANE_LOOP (k, keys) row[k] = blocked[k] ? (real)-INFINITY : row[k];
    }
    if (padded) {
        LANE_LOOP (k, keys) row[k] = padded[k] ? (real)-INFINITY : row[k];
    }
}

// scores = softmax(scores) over the keys that a query may see, zeros if it may see none. The row's largest score and 1 / sum of exp(score -
// largest) are kept [all images, all heads, all queries], so that backward computes the same probabilities again. One team per row.
KERNEL(attention_softmax, real* scores, acc* largest, acc* scale,                                   //
       const uint8_t* blocked, index_t blocked_image, index_t blocked_head, const uint8_t* padded,  // [all images, keys]
       const acc* bias, index_t bias_image, index_t bias_head,                                      //
       int images, int heads, int queries, int keys, int image, int head, int query, int all_heads, int all_queries) {
    TEAM_LOOP (t, (index_t)images * heads * queries) {
        const index_t q = query + t % queries, h = head + t / queries % heads, n = image + t / queries / heads;
        real* row = scores + t * keys;
        mask_row(row, blocked ? blocked + n * blocked_image + h * blocked_head + q * keys : blocked, padded ? padded + n * keys : padded,
                 bias ? bias + n * bias_image + h * bias_head + q * keys : bias, keys);
        const acc top = team_max(keys, [&](int k) { return (acc)row[k]; });
        const acc shift = top == -(acc)INFINITY ? (acc)0 : top;
        const acc sum = team_sum(keys, [&](int k) {
            const acc e = m_exp((acc)row[k] - shift);
            row[k] = (real)e;
            return e;
        });
        const acc s = sum > 0 ? acc(1) / sum : sum;
        LANE_LOOP (k, keys) row[k] = (real)((acc)row[k] * s);
        LANE_ZERO {
            const index_t at = (n * all_heads + h) * all_queries + q;
            largest[at] = shift;
            scale[at] = s;
        }
    }
}

// The same probabilities p again, in place of the scores; and dscores = p * (dp - sum of p * dp), in place of dp. One team per row.
KERNEL(attention_softmax_backward, real* scores, real* dp, const acc* largest, const acc* scale,    //
       const uint8_t* blocked, index_t blocked_image, index_t blocked_head, const uint8_t* padded,  //
       const acc* bias, index_t bias_image, index_t bias_head,                                      //
       int images, int heads, int queries, int keys, int image, int head, int query, int all_heads, int all_queries) {
    TEAM_LOOP (t, (index_t)images * heads * queries) {
        const index_t q = query + t % queries, h = head + t / queries % heads, n = image + t / queries / heads;
        real *row = scores + t * keys, *drow = dp + t * keys;
        mask_row(row, blocked ? blocked + n * blocked_image + h * blocked_head + q * keys : blocked, padded ? padded + n * keys : padded,
                 bias ? bias + n * bias_image + h * bias_head + q * keys : bias, keys);
        const index_t at = (n * all_heads + h) * all_queries + q;
        const acc shift = largest[at], s = scale[at];
        const acc mean = team_sum(keys, [&](int k) {
            const acc p = m_exp((acc)row[k] - shift) * s;
            row[k] = (real)p;
            return p * (acc)drow[k];
        });
        LANE_LOOP (k, keys) drow[k] = (real)((acc)row[k] * ((acc)drow[k] - mean));
    }
}

// dbias += dscores, summed over the chunk's images and heads that share a row of the bias. One team per row of the bias.
KERNEL(attention_bias_backward, acc* dbias, const real* dscores, index_t bias_image, index_t bias_head,  //
       int images, int heads, int queries, int keys, int image, int head, int query) {
    const int own_images = bias_image ? images : 1, own_heads = bias_head ? heads : 1;
    TEAM_LOOP (t, (index_t)own_images * own_heads * queries) {
        const index_t q = t % queries, own_head = t / queries % own_heads, own_image = t / queries / own_heads;
        acc* row = dbias + (image + own_image) * bias_image + (head + own_head) * bias_head + (query + q) * keys;
        for (index_t n = own_image; n < images; n += own_images) {
            for (index_t h = own_head; h < heads; h += own_heads) {
                const real* drow = dscores + ((n * heads + h) * queries + q) * keys;
                LANE_LOOP (k, keys) row[k] += (acc)drow[k];
            }
        }
    }
}
