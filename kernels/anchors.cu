#include "kernel.h"

// Priors of a feature pyramid's cells: anchors, points, and which cells lie on a picture. Level l has the first level's strides times 2^l.

struct Cell {
    int level, row, column;
};

FN Cell cell_of(index_t token, const int* of_token, const int* starts, const int* sizes) {
    const int l = of_token[token], cell = (int)token - starts[l], width = sizes[2 * l + 1];
    return {l, cell / width, cell % width};
}

// One of a cell's anchors, for all cells: corners (x1, y1, x2, y2) around the cell (0, 0) of the first level, scaled and shifted.
KERNEL(anchors_boxes, acc* boxes, const int* of_token, const int* starts,
       const int* sizes,  // [tokens, per_token, 4], [tokens], [levels], [levels, 2]
       int tokens, int per_token, int anchor, int stride_y, int stride_x, float x1, float y1, float x2, float y2) {
    ELEMENT_LOOP (i, tokens) {
        const Cell c = cell_of(i, of_token, starts, sizes);
        const acc scale = (acc)(1 << c.level), x = (acc)(c.column * (stride_x << c.level)), y = (acc)(c.row * (stride_y << c.level));
        acc* b = boxes + (i * per_token + anchor) * 4;
        b[0] = x + (acc)x1 * scale;
        b[1] = y + (acc)y1 * scale;
        b[2] = x + (acc)x2 * scale;
        b[3] = y + (acc)y2 * scale;
    }
}

// (x, y) of a point within each cell.
KERNEL(anchors_points, acc* points, const int* of_token, const int* starts, const int* sizes,  // [tokens, 2]
       int tokens, int stride_y, int stride_x, float offset) {
    ELEMENT_LOOP (i, tokens) {
        const Cell c = cell_of(i, of_token, starts, sizes);
        points[2 * i] = ((acc)c.column + (acc)offset) * (acc)(stride_x << c.level);
        points[2 * i + 1] = ((acc)c.row + (acc)offset) * (acc)(stride_y << c.level);
    }
}

// 1 where a prior's cell begins within its picture, that is where its row and column lie below the size over the stride, rounded up.
KERNEL(anchors_valid, uint8_t* valid, const acc* picture_sizes,  // [batch, tokens, per_token], [batch, 2] (height, width) in pixels
       const int* of_token, const int* starts, const int* sizes, int batch, int tokens, int per_token, int stride_y, int stride_x) {
    const index_t rows = (index_t)tokens * per_token;
    ELEMENT_LOOP (i, batch * rows) {
        const Cell c = cell_of(i % rows / per_token, of_token, starts, sizes);
        const acc* size = picture_sizes + i / rows * 2;
        valid[i] = (acc)(c.row * (stride_y << c.level)) < size[0] && (acc)(c.column * (stride_x << c.level)) < size[1] ? 1 : 0;
    }
}
