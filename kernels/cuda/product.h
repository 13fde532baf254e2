// What a product is asked to do, and the way from its sums to the output.
#pragma once
#include "functions.h"
#include "cuda/operand.h"

enum { kRelu = 1, kGelu = 2, kSilu = 3 };

// c[m, n] = activation(scale[n] · alpha · a[m, k] b[k, n] + bias[n] + residual[m, n]) (+ c), `batch` times. Mirrored by the managed side.
struct Product {
    const void *a, *b;
    void* c;
    const float *scale, *bias;               // [n] or null
    const void* residual;                    // like c or null
    float* partial;                          // [splits, batch, m, n]: sums of parts of k, if there is more than one part
    index_t lda, ldb, ldc;                   // elements from one stored row to the next
    index_t step_a, step_b, step_c, step_n;  // elements from one product of the batch to the next; step_n: of scale and bias
    // If places_w is not 0, row r of c is place (r / places_w / places_h, r / places_w % places_h, r % places_w), these steps apart.
    index_t image_step, row_step;  // ldc is the step of a place
    int places_h, places_w;
    int m, n, k, batch;
    int splits, depth;                 // k is cut into so many parts of `depth`, a multiple of kDepth
    int k_major_a, k_major_b;          // a is stored (k, m), b is stored (k, n)
    int single_a, single_b, single_c;  // float, else real
    int whole_a, whole_b, whole_c;     // chunks of a and b, and fours of c, lie aligned
    int activation, accumulate;
    float alpha;
    int unused;
};

FN float activate(float x, int activation) {
    if (activation == kRelu) return x < 0 ? 0.0f : x;
    if (activation == kGelu) return 0.5f * x * (1.0f + m_erf(x * 0.707106781f));
    if (activation == kSilu) return x / (1.0f + m_exp(-x));
    return x;
}

// Four neighbours of a row, of which the first `count` exist.
FN float4 read_four(const void* from, index_t at, int count, bool whole, bool single) {
    float v[4] = {};
    if (single) {
        const float* p = (const float*)from + at;
        if (whole && count == 4) return *(const float4*)p;
        UNROLL for (int e = 0; e < 4; ++e) if (e < count) v[e] = p[e];
    } else {
        const uint16_t* p = (const uint16_t*)from + at;
        if (whole && count == 4) {
            const ushort4 r = *(const ushort4*)p;
            return make_float4(real_of(r.x), real_of(r.y), real_of(r.z), real_of(r.w));
        }
        UNROLL for (int e = 0; e < 4; ++e) if (e < count) v[e] = real_of(p[e]);
    }
    return make_float4(v[0], v[1], v[2], v[3]);
}

FN void write_four(void* to, index_t at, float4 v, int count, bool whole, bool single) {
    const float values[4] = {v.x, v.y, v.z, v.w};
    if (single) {
        float* p = (float*)to + at;
        if (whole && count == 4) {
            *(float4*)p = v;
        } else {
            UNROLL for (int e = 0; e < 4; ++e) if (e < count) p[e] = values[e];
        }
    } else {
        uint16_t* p = (uint16_t*)to + at;
        if (whole && count == 4) {
            *(ushort4*)p = make_ushort4(bits_of(v.x), bits_of(v.y), bits_of(v.z), bits_of(v.w));
        } else {
            UNROLL for (int e = 0; e < 4; ++e) if (e < count) p[e] = bits_of(values[e]);
        }
    }
}

// The last steps for four columns of any rows of one product of the batch.
struct Finish {
    const Product& p;
    index_t product, first;
    int col, count;
    float4 scale, bias;

    METHOD Finish(const Product& p, int product, int col) : p(p), product(product), col(col), count(m_min(4, p.n - col)) {
        first = product * p.step_c + col;
        const index_t at = product * p.step_n + col;
        scale = bias = make_float4(0, 0, 0, 0);
        if (p.scale) scale = read_four(p.scale, at, count, false, true);
        else scale = make_float4(1, 1, 1, 1);
        if (p.bias) bias = read_four(p.bias, at, count, false, true);
    }
    METHOD index_t place(int row) const {
        if (p.places_w == 0) return first + row * p.ldc;
        const int line = row / p.places_w;
        return first + line / p.places_h * p.image_step + line % p.places_h * p.row_step + row % p.places_w * p.ldc;
    }
    METHOD float step(float sum, float scale, float bias, float residual) const {
        return activate(sum * (p.alpha * scale) + bias + residual, p.activation);
    }
    METHOD void row(int row, float4 sum) const {
        const index_t at = place(row);
        const bool single = is_single(p.single_c);
        float4 r = make_float4(0, 0, 0, 0);
        if (p.residual) r = read_four(p.residual, at, count, p.whole_c, single);
        float4 y = make_float4(step(sum.x, scale.x, bias.x, r.x), step(sum.y, scale.y, bias.y, r.y), step(sum.z, scale.z, bias.z, r.z),
                               step(sum.w, scale.w, bias.w, r.w));
        if (p.accumulate) {
            const float4 c = read_four(p.c, at, count, p.whole_c, single);
            y.x += c.x, y.y += c.y, y.z += c.z, y.w += c.w;
        }
        write_four(p.c, at, y, count, p.whole_c, single);
    }
    // The sums of one part of k, to be added up later: always in the same order.
    METHOD void part(int split, int row, float4 sum) const {
        write_four(p.partial, (((index_t)split * p.batch + product) * p.m + row) * p.n + col, sum, count, p.n % 4 == 0, true);
    }
};

// Adds up the parts of k and finishes.
FN void finish_parts(const Product& p) {
    const int fours = (p.n + 3) / 4;
    ELEMENT_LOOP (i, (index_t)p.batch * p.m * fours) {
        const index_t line = i / fours;
        const Finish finish(p, (int)(line / p.m), (int)(i % fours) * 4);
        float4 sum = make_float4(0, 0, 0, 0);
        for (int s = 0; s < p.splits; ++s) {
            const index_t at = ((index_t)s * p.batch * p.m + line) * p.n + finish.col;
            const float4 v = read_four(p.partial, at, finish.count, p.n % 4 == 0, true);
            sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
        }
        finish.row((int)(line % p.m), sum);
    }
}
