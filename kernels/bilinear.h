// Bilinear sampling with zeros outside the map.
#pragma once
#include "kernel.h"

// The four cells around the point (x, y), counted in cells with cell centers at integers. A cell outside the map has weight 0 and an index
// clamped into the map, so that it may be read like any other; a point that is not finite has no cell inside.
struct Corners {
    int cell[4];    // row-major index of top left, top right, bottom left, bottom right
    acc inside[4];  // 1 or 0
    acc weight[4];
    acc dx[4], dy[4];  // derivatives of the weights
};

FN Corners corners_of(acc x, acc y, int height, int width) {
    const bool near = x > acc(-1) && x < acc(width) && y > acc(-1) && y < acc(height);
    const acc px = near ? x : acc(-1), py = near ? y : acc(-1);
    const acc left = m_floor(px), top = m_floor(py);
    const acc fx = px - left, fy = py - top;
    const int x0 = (int)left, y0 = (int)top, x1 = x0 + 1, y1 = y0 + 1;
    const acc in_left = near && x0 >= 0 ? acc(1) : acc(0), in_right = near && x1 < width ? acc(1) : acc(0);
    const acc in_top = y0 >= 0 ? acc(1) : acc(0), in_bottom = y1 < height ? acc(1) : acc(0);
    const int cx0 = x0 < 0 ? 0 : x0, cy0 = y0 < 0 ? 0 : y0, cx1 = x1 < width ? x1 : width - 1, cy1 = y1 < height ? y1 : height - 1;
    const acc wl = (acc(1) - fx) * in_left, wr = fx * in_right, wt = (acc(1) - fy) * in_top, wb = fy * in_bottom;
    return {{cy0 * width + cx0, cy0 * width + cx1, cy1 * width + cx0, cy1 * width + cx1},
            {in_top * in_left, in_top * in_right, in_bottom * in_left, in_bottom * in_right},
            {wt * wl, wt * wr, wb * wl, wb * wr},
            {-wt * in_left, wt * in_right, -wb * in_left, wb * in_right},
            {-wl * in_top, -wr * in_top, wl * in_bottom, wr * in_bottom}};
}
