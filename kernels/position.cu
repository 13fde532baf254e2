#include "functions.h"

// Positions of tokens: sine encodings, valid ratios, reference points, first proposals. A mask is 1 where a token is padding.

FN int level_of_token(const int* starts, int levels, int token) {
    int l = levels - 1;
    while (starts[l] > token) --l;
    return l;
}

// A level's mask is the image's, nearest neighbour: row floor(i * image height / height) in f32, as the reference resizes.
KERNEL(position_padding, uint8_t* padded, const uint8_t* image,  // [batch, tokens], [batch, image_height, image_width]
       const int* sizes, const int* starts, int batch, int tokens, int levels, int image_height, int image_width) {
    ELEMENT_LOOP (i, (index_t)batch * tokens) {
        const int token = (int)(i % tokens), l = level_of_token(starts, levels, token), cell = token - starts[l];
        const int height = sizes[2 * l], width = sizes[2 * l + 1];
        const int y = m_min((int)((float)(cell / width) * ((float)image_height / (float)height)), image_height - 1);
        const int x = m_min((int)((float)(cell % width) * ((float)image_width / (float)width)), image_width - 1);
        padded[i] = image[(i / tokens * image_height + y) * image_width + x];
    }
}

// The row of one level in the tables of levels.
KERNEL(position_level, int* sizes, int* starts, int* level_of_token,  // [levels, 2], [levels], [tokens]
       int level, int height, int width, int start) {
    ELEMENT_LOOP (i, 1) {
        sizes[2 * level] = height;
        sizes[2 * level + 1] = width;
        starts[level] = start;
    }
    ELEMENT_LOOP (i, (index_t)height * width) level_of_token[start + i] = level;
}

// A cell is padding if the picture's pixel that is nearest to it (the reference's rounding: down) is.
KERNEL(position_padding_of_sizes, uint8_t* padded, const acc* image_sizes,  // [batch, tokens], [batch, 2] (height, width) before padding
       const int* sizes, const int* starts, int batch, int tokens, int levels, int padded_height, int padded_width) {
    ELEMENT_LOOP (i, (index_t)batch * tokens) {
        const int token = (int)(i % tokens), l = level_of_token(starts, levels, token), cell = token - starts[l];
        const int height = sizes[2 * l], width = sizes[2 * l + 1];
        const index_t y = (index_t)(cell / width) * padded_height / height, x = (index_t)(cell % width) * padded_width / width;
        const acc* image = image_sizes + i / tokens * 2;
        padded[i] = y >= (index_t)image[0] || x >= (index_t)image[1] ? 1 : 0;
    }
}

// Valid cells up to and including each cell, down its column and along its row.
KERNEL(position_counts, int* down, int* along, const uint8_t* padded,  // [batch, tokens]
       const int* sizes, const int* starts, int batch, int tokens, int levels) {
    TEAM_LOOP (t, (index_t)batch * levels) {
        const int l = (int)(t % levels), height = sizes[2 * l], width = sizes[2 * l + 1];
        const index_t first = t / levels * tokens + starts[l];
        LANE_LOOP (x, width) {
            int count = 0;
            for (int y = 0; y < height; ++y) down[first + y * width + x] = count += padded[first + y * width + x] ? 0 : 1;
        }
        LANE_LOOP (y, height) {
            int count = 0;
            for (int x = 0; x < width; ++x) along[first + y * width + x] = count += padded[first + y * width + x] ? 0 : 1;
        }
    }
}

// periods[k] = temperature^(2k / features): one of sine and cosine each has it.
KERNEL(position_periods, acc* periods, int features, double temperature) {
    ELEMENT_LOOP (k, features / 2) periods[k] = (acc)m_exp(m_log(temperature) * (2.0 * (double)k / features));
}

FN acc position_of(int count, int total, bool normalize, acc offset) {
    const acc position = (acc)count + offset;
    return normalize ? position / ((acc)total + acc(1e-6)) * acc(6.283185307179586) : position;
}

// out[token] = (y-block, x-block), each sine and cosine in turn.
KERNEL(position_sine, real* out, const int* down, const int* along, const acc* periods,  // [batch, tokens, 2 * features], [features / 2]
       const int* sizes, const int* starts, int batch, int tokens, int levels, int features, int normalize, float offset) {
    TEAM_LOOP (t, (index_t)batch * tokens) {
        const int token = (int)(t % tokens), l = level_of_token(starts, levels, token), width = sizes[2 * l + 1];
        const int cell = token - starts[l];
        const index_t first = t - cell;
        const acc y = position_of(down[t], down[first + (sizes[2 * l] - 1) * width + cell % width], normalize, (acc)offset);
        const acc x = position_of(along[t], along[first + cell / width * width + width - 1], normalize, (acc)offset);
        real *yo = out + t * 2 * features, *xo = yo + features;
        LANE_LOOP (k, features / 2) {
            yo[2 * k] = (real)m_sin(y / periods[k]);
            yo[2 * k + 1] = (real)m_cos(y / periods[k]);
            xo[2 * k] = (real)m_sin(x / periods[k]);
            xo[2 * k + 1] = (real)m_cos(x / periods[k]);
        }
    }
}

// ratios[n, l] = (valid cells of the first row / width, valid cells of the first column / height)
KERNEL(position_ratios, acc* ratios, const uint8_t* padded,  // [batch, levels, 2], [batch, tokens]
       const int* sizes, const int* starts, int batch, int tokens, int levels) {
    TEAM_LOOP (t, (index_t)batch * levels) {
        const int l = (int)(t % levels), height = sizes[2 * l], width = sizes[2 * l + 1];
        const uint8_t* first = padded + t / levels * tokens + starts[l];
        const acc x = team_sum(width, [&](int i) { return first[i] ? acc(0) : acc(1); });
        const acc y = team_sum(height, [&](int i) { return first[i * width] ? acc(0) : acc(1); });
        LANE_ZERO {
            ratios[2 * t] = x / (acc)width;
            ratios[2 * t + 1] = y / (acc)height;
        }
    }
}

// Cell centers as fractions of the valid part of their own level, then of each level's whole.
KERNEL(position_references, acc* references, const acc* ratios,  // [batch, tokens, levels, 2], [batch, levels, 2]
       const int* sizes, const int* starts, int batch, int tokens, int levels) {
    ELEMENT_LOOP (i, (index_t)batch * tokens) {
        const int token = (int)(i % tokens), l = level_of_token(starts, levels, token), cell = token - starts[l];
        const int height = sizes[2 * l], width = sizes[2 * l + 1];
        const acc* r = ratios + i / tokens * levels * 2;
        const acc x = ((acc)(cell % width) + acc(0.5)) / (r[2 * l] * (acc)width);
        const acc y = ((acc)(cell / width) + acc(0.5)) / (r[2 * l + 1] * (acc)height);
        for (int k = 0; k < levels; ++k) {
            references[(i * levels + k) * 2] = x * r[2 * k];
            references[(i * levels + k) * 2 + 1] = y * r[2 * k + 1];
        }
    }
}

// Logits of a box of 0.05 * 2^level around each cell center; +infinity, and blocked, where the token is padding or the box leaves (0.01,
// 0.99).
KERNEL(position_proposals, acc* logits, uint8_t* blocked, const uint8_t* padded, const acc* ratios,  // [batch, tokens, 4], [batch, tokens]
       const int* sizes, const int* starts, int batch, int tokens, int levels) {
    ELEMENT_LOOP (i, (index_t)batch * tokens) {
        const int token = (int)(i % tokens), l = level_of_token(starts, levels, token), cell = token - starts[l];
        const int height = sizes[2 * l], width = sizes[2 * l + 1];
        const acc* r = ratios + (i / tokens * levels + l) * 2;
        const acc size = acc(0.05) * (acc)(1 << l);
        const acc box[4] = {((acc)(cell % width) + acc(0.5)) / m_floor(r[0] * (acc)width + acc(0.5)),
                            ((acc)(cell / width) + acc(0.5)) / m_floor(r[1] * (acc)height + acc(0.5)), size, size};
        bool valid = padded[i] == 0;
        UNROLL for (int j = 0; j < 4; ++j) valid = valid && box[j] > acc(0.01) && box[j] < acc(0.99);
        blocked[i] = valid ? 0 : 1;
        UNROLL for (int j = 0; j < 4; ++j) logits[4 * i + j] = valid ? m_log(box[j] / (acc(1) - box[j])) : (acc)INFINITY;
    }
}

// Each coordinate c of a row becomes sines and cosines of 2 pi c / period; with y_first, y comes before x.
KERNEL(position_embed_forward, real* y, const acc* x, const acc* periods,  // [rows, dims * features], [rows, dims], [features / 2]
       index_t rows, int dims, int features, int y_first) {
    TEAM_LOOP (t, rows * dims) {
        const int d = (int)(t % dims), from = y_first && d < 2 ? 1 - d : d;
        const acc v = x[t - d + from] * acc(6.283185307179586);
        real* out = y + t * features;
        LANE_LOOP (k, features / 2) {
            out[2 * k] = (real)m_sin(v / periods[k]);
            out[2 * k + 1] = (real)m_cos(v / periods[k]);
        }
    }
}

KERNEL(position_embed_backward, acc* dx, const real* dy, const acc* x, const acc* periods, index_t rows, int dims, int features,
       int y_first) {
    TEAM_LOOP (t, rows * dims) {
        const int d = (int)(t % dims), from = y_first && d < 2 ? 1 - d : d;
        const acc v = x[t - d + from] * acc(6.283185307179586);
        const real* g = dy + t * features;
        const acc s = team_sum(features / 2, [&](int k) {
            const acc a = v / periods[k];
            return ((acc)g[2 * k] * m_cos(a) - (acc)g[2 * k + 1] * m_sin(a)) / periods[k];
        });
        LANE_ZERO dx[t - d + from] = s * acc(6.283185307179586);
    }
}
