#include "bilinear.h"

// Where a grid's point lies, in cells, and how it moves with the grid: 0 where the border or rounding holds it.
struct Coordinate {
    acc at, slope;
};

// g in [-1, 1] from edge to edge of the map, or from the first to the last center if aligned.
FN Coordinate coordinate_of(acc g, int size, bool nearest, bool border, bool aligned) {
    const acc half = aligned ? acc(0.5) * (acc)(size - 1) : acc(0.5) * (acc)size;
    Coordinate v = {(g + acc(1)) * half - (aligned ? acc(0) : acc(0.5)), half};
    if (border && v.at <= acc(0)) v = {acc(0), acc(0)};
    if (border && v.at >= (acc)(size - 1)) v = {(acc)(size - 1), acc(0)};
    if (nearest) {  // halves go to the even neighbour
        acc whole = m_floor(v.at + acc(0.5));
        if (whole - v.at == acc(0.5) && m_floor(whole * acc(0.5)) * acc(2) != whole) whole -= acc(1);
        v = {whole, acc(0)};
    }
    return v;
}

// y[n, p, :] = x[n] at grid[n, p] = (x, y), one team per point.
KERNEL(grid_sample_forward, real* y, const real* x,
       const acc* grid,  // [batch, points, channels], [batch, height, width, channels], [batch, points, 2]
       int batch, int points, int height, int width, int channels, int nearest, int border, int aligned) {
    TEAM_LOOP (t, (index_t)batch * points) {
        const Coordinate px = coordinate_of(grid[2 * t], width, nearest, border, aligned);
        const Coordinate py = coordinate_of(grid[2 * t + 1], height, nearest, border, aligned);
        const Corners k = corners_of(px.at, py.at, height, width);
        const real* image = x + t / points * height * width * channels;
        LANE_LOOP (c, channels) {
            acc sum = 0;
            UNROLL for (int j = 0; j < 4; ++j) sum += k.weight[j] * (acc)image[(index_t)k.cell[j] * channels + c];
            y[t * channels + c] = (real)sum;
        }
    }
}

// dx += weight * dy at the four cells of each point, `block` channels to a team: all points of one image and block belong to one writer.
KERNEL(grid_sample_backward_input, acc* dx, const real* dy, const acc* grid,  // dx zero at first
       int batch, int points, int height, int width, int channels, int nearest, int border, int aligned, int block) {
    const int blocks = (channels + block - 1) / block;
    TEAM_LOOP_OWNING (t, (index_t)batch * blocks * points, points) {
        const index_t n = t / points / blocks, p = n * points + t % points;
        const int first = (int)(t / points % blocks) * block, count = m_min(block, channels - first);
        const Coordinate px = coordinate_of(grid[2 * p], width, nearest, border, aligned);
        const Coordinate py = coordinate_of(grid[2 * p + 1], height, nearest, border, aligned);
        const Corners k = corners_of(px.at, py.at, height, width);
        const real* from = dy + p * channels + first;
        acc* image = dx + n * height * width * channels + first;
        UNROLL for (int j = 0; j < 4; ++j) {
            acc* cell = image + (index_t)k.cell[j] * channels;
            const acc weight = k.weight[j];
            if (weight != 0) {
                LANE_LOOP (c, count) scatter_add(cell + c, weight * (acc)from[c]);
            }
        }
    }
}

// dgrid = slope * sum over channels of dy * (how the sample moves with the point); one team per point.
KERNEL(grid_sample_backward_grid, acc* dgrid, const real* dy, const real* x, const acc* grid,  //
       int batch, int points, int height, int width, int channels, int nearest, int border, int aligned) {
    TEAM_LOOP (t, (index_t)batch * points) {
        const Coordinate px = coordinate_of(grid[2 * t], width, nearest, border, aligned);
        const Coordinate py = coordinate_of(grid[2 * t + 1], height, nearest, border, aligned);
        const Corners k = corners_of(px.at, py.at, height, width);
        const real *image = x + t / points * height * width * channels, *from = dy + t * channels;
        const auto along = [&](const acc* slopes) {
            return team_sum(channels, [&](int c) {
                acc sum = 0;
                UNROLL for (int j = 0; j < 4; ++j) sum += slopes[j] * (acc)image[(index_t)k.cell[j] * channels + c];
                return sum * (acc)from[c];
            });
        };
        const acc moved_x = along(k.dx), moved_y = along(k.dy);
        LANE_ZERO {
            dgrid[2 * t] = px.slope * moved_x;
            dgrid[2 * t + 1] = py.slope * moved_y;
        }
    }
}
