// Multi-scale deformable attention as it is usually written for GPUs (the im2col style of Zhu et al., 2021): one thread per output channel,
// which reads places, weights and four corners of each sample by itself. For counting beside our own kernel; nothing else uses it.
#include "kernel.h"

struct Sizes {
    int tokens, queries, heads, channels, levels, points;
};

// The four corners of a sample: what is outside the level is not read.
struct Cell {
    int x, y, width, height;
    float fx, fy;
    METHOD bool has(int dy, int dx) const { return x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height; }
    METHOD float weight(int dy, int dx) const { return (dy ? fy : 1 - fy) * (dx ? fx : 1 - fx); }
};

FN bool cell_of(Cell& c, const int* sizes, int l, float x, float y) {
    c.height = sizes[2 * l];
    c.width = sizes[2 * l + 1];
    const float px = x * c.width - 0.5f, py = y * c.height - 0.5f;
    c.x = (int)floorf(px);
    c.y = (int)floorf(py);
    c.fx = px - c.x;
    c.fy = py - c.y;
    return px > -1 && py > -1 && px < c.width && py < c.height;
}

extern "C" __global__ void plain_forward(real* out, const real* value, const int* sizes, const int* starts, const float* places,
                                         const float* weights, index_t n, int tokens, int queries, int heads, int channels, int levels,
                                         int points) {
    const Sizes s = {tokens, queries, heads, channels, levels, points};
    for (index_t i = (index_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (index_t)gridDim.x * blockDim.x) {
        const int c = i % s.channels;
        const index_t row = i / s.channels, h = row % s.heads, batch = row / s.heads / s.queries;
        const real* plane = value + (batch * s.tokens * s.heads + h) * s.channels + c;
        float sum = 0;
        for (int l = 0; l < s.levels; ++l) {
            const int start = starts[l];
            for (int p = 0; p < s.points; ++p) {
                const index_t at = (row * s.levels + l) * s.points + p;
                const float x = places[2 * at], y = places[2 * at + 1], w = weights[at];
                Cell cell;
                if (!cell_of(cell, sizes, l, x, y)) continue;
                float found = 0;
                for (int dy = 0; dy < 2; ++dy)
                    for (int dx = 0; dx < 2; ++dx)
                        if (cell.has(dy, dx)) {
                            const index_t token = start + (cell.y + dy) * cell.width + cell.x + dx;
                            found += cell.weight(dy, dx) * (float)plane[token * s.heads * s.channels];
                        }
                sum += w * found;
            }
        }
        out[i] = (real)sum;
    }
}

// A block for each (query, head), a thread for each channel; gradients of places and weights are summed over the channels through shared
// memory.
extern "C" __global__ void plain_backward(float* dvalue, float* dplaces, float* dweights, const real* dout, const real* value,
                                          const int* sizes, const int* starts, const float* places, const float* weights, index_t rows,
                                          int tokens, int queries, int heads, int channels, int levels, int points) {
    const Sizes s = {tokens, queries, heads, channels, levels, points};
    __shared__ float parts[3][64];
    const int c = threadIdx.x;
    for (index_t row = blockIdx.x; row < rows; row += gridDim.x) {
        const index_t h = row % s.heads, batch = row / s.heads / s.queries;
        const index_t plane = (batch * s.tokens * s.heads + h) * s.channels + c;
        const float g = (float)dout[row * s.channels + c];
        for (int l = 0; l < s.levels; ++l) {
            const int start = starts[l];
            for (int p = 0; p < s.points; ++p) {
                const index_t at = (row * s.levels + l) * s.points + p;
                const float x = places[2 * at], y = places[2 * at + 1], w = weights[at];
                float dw = 0, dx_ = 0, dy_ = 0;
                Cell cell;
                if (cell_of(cell, sizes, l, x, y)) {
                    for (int dy = 0; dy < 2; ++dy)
                        for (int dx = 0; dx < 2; ++dx)
                            if (cell.has(dy, dx)) {
                                const index_t token = start + (cell.y + dy) * cell.width + cell.x + dx;
                                const index_t to = plane + token * s.heads * s.channels;
                                const float v = (float)value[to];
                                atomicAdd(dvalue + to, w * cell.weight(dy, dx) * g);
                                dw += cell.weight(dy, dx) * v * g;
                                dx_ += (dx ? 1 : -1) * (dy ? cell.fy : 1 - cell.fy) * v * g * w * cell.width;
                                dy_ += (dy ? 1 : -1) * (dx ? cell.fx : 1 - cell.fx) * v * g * w * cell.height;
                            }
                }
                parts[0][c] = dw;
                parts[1][c] = dx_;
                parts[2][c] = dy_;
                __syncthreads();
                if (c == 0) {
                    for (int k = 1; k < s.channels; ++k) {
                        dw += parts[0][k];
                        dx_ += parts[1][k];
                        dy_ += parts[2][k];
                    }
                    dweights[at] = dw;
                    dplaces[2 * at] = dx_;
                    dplaces[2 * at + 1] = dy_;
                }
                __syncthreads();
            }
        }
    }
}
