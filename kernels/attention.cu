#include "kernel.h"

// A chunk of attention: scores [images, heads, queries, keys] that begin at `image`, `head` and `query` of the whole, which has `all_heads`
// and `all_queries`. The product q·k / sqrt(d) is in them already. A mask's row begins at image * image_step + head * head_step + query *
// keys: a step of 0 shares it among images or heads.

// What a chunk's kernels share: where row t lies, and its masks.
struct Chunk {
    const uint8_t *blocked, *padded;
    const acc* bias;
    index_t blocked_image, blocked_head, bias_image, bias_head;
    int images, heads, queries, keys, image, head, query, all_heads, all_queries;

    METHOD index_t rows() const { return (index_t)images * heads * queries; }
    METHOD index_t place(index_t t) const {  // of row t among the rows of the whole
        const index_t q = query + t % queries, h = head + t / queries % heads, n = image + t / queries / heads;
        return (n * all_heads + h) * all_queries + q;
    }
};

// Row t of the scores with its bias added and hidden keys at -infinity. Each of the three may be absent.
template <int held>
FN void mask_row(HeldRow<held>& row, real* scores, const Chunk& k, index_t t) {
    const index_t q = k.query + t % k.queries, h = k.head + t / k.queries % k.heads, n = k.image + t / k.queries / k.heads;
    if (k.bias) {
        const acc* bias = k.bias + n * k.bias_image + h * k.bias_head + q * k.keys;
        row.replace(scores, [&](int c, acc v, int) { return v + bias[c]; });
    }
    if (k.blocked) {
        const uint8_t* blocked = k.blocked + n * k.blocked_image + h * k.blocked_head + q * k.keys;
        row.replace(scores, [&](int c, acc v, int) { return blocked[c] ? -(acc)INFINITY : v; });
    }
    if (k.padded) {
        const uint8_t* padded = k.padded + n * k.keys;
        row.replace(scores, [&](int c, acc v, int) { return padded[c] ? -(acc)INFINITY : v; });
    }
}

template <int held>
FN void softmax(real* scores, acc* largest, acc* scale, const Chunk& k) {
    TEAM_LOOP (t, k.rows()) {
        real* to = scores + t * k.keys;
        HeldRow<held> row(to, k.keys);
        mask_row(row, to, k, t);
        const acc top = row.max();
        const acc shift = top == -(acc)INFINITY ? (acc)0 : top;
        row.replace(to, [&](int, acc v, int) { return m_exp(v - shift); });
        const acc sum = row.sum([](int, acc v, int) { return v; });
        const acc s = sum > 0 ? acc(1) / sum : sum;
        row.each([&](int c, acc v, int) { to[c] = (real)(v * s); });
        LANE_ZERO {
            largest[k.place(t)] = shift;
            scale[k.place(t)] = s;
        }
    }
}

// scores = softmax(scores) over the keys that a query may see, zeros if it may see none. The row's largest score and 1 / sum of exp(score -
// largest) are kept [all images, all heads, all queries], so that backward computes the same probabilities again. One team per row.
KERNEL(attention_softmax, real* scores, acc* largest, acc* scale,                                   //
       const uint8_t* blocked, index_t blocked_image, index_t blocked_head, const uint8_t* padded,  // [all images, keys]
       const acc* bias, index_t bias_image, index_t bias_head,                                      //
       int images, int heads, int queries, int keys, int image, int head, int query, int all_heads, int all_queries) {
    const Chunk k = {blocked, padded,  bias, blocked_image, blocked_head, bias_image, bias_head, images,
                     heads,   queries, keys, image,         head,         query,      all_heads, all_queries};
#define SOFTMAX(held) softmax<held>(scores, largest, scale, k);
    FOR_HELD(keys, SOFTMAX)
}

template <int held>
FN void softmax_backward(real* scores, real* dp, const acc* largest, const acc* scale, const Chunk& k) {
    TEAM_LOOP (t, k.rows()) {
        real *to = scores + t * k.keys, *drow = dp + t * k.keys;
        HeldRow<held> row(to, k.keys);
        const HeldRow<held> upstream(drow, k.keys);
        mask_row(row, to, k, t);
        const acc shift = largest[k.place(t)], s = scale[k.place(t)];
        row.replace(to, [&](int, acc v, int) { return m_exp(v - shift) * s; });
        const acc mean = row.sum([&](int c, acc p, int j) { return p * upstream.at(c, j); });
        row.each([&](int c, acc p, int j) { drow[c] = (real)(p * (upstream.at(c, j) - mean)); });
        row.store(to);
    }
}

// The same probabilities p again, in place of the scores; and dscores = p * (dp - sum of p * dp), in place of dp. One team per row.
KERNEL(attention_softmax_backward, real* scores, real* dp, const acc* largest, const acc* scale,    //
       const uint8_t* blocked, index_t blocked_image, index_t blocked_head, const uint8_t* padded,  //
       const acc* bias, index_t bias_image, index_t bias_head,                                      //
       int images, int heads, int queries, int keys, int image, int head, int query, int all_heads, int all_queries) {
    const Chunk k = {blocked, padded,  bias, blocked_image, blocked_head, bias_image, bias_head, images,
                     heads,   queries, keys, image,         head,         query,      all_heads, all_queries};
#define SOFTMAX_BACKWARD(held) softmax_backward<held>(scores, dp, largest, scale, k);
    FOR_HELD(keys, SOFTMAX_BACKWARD)
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
