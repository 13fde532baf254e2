#include "kernel.h"

// What a box shows of its object's mask, in side * side bins: as RoIAlign of the bitmap (scale 1, aligned, about one sample a pixel), 1
// from a mean of a half on. The box is cut off at the picture. Without bitmaps an object is all of its box.

FN int ceiling(acc x) { return (int)-m_floor(-x); }

struct Canvas {
    const uint8_t* bits;  // the object's bitmap, rows of `stride`; or null
    const acc* box;       // the object's corners
    int stride, height, width;

    METHOD acc at(int y, int x) const {
        if (bits) return bits[(index_t)y * stride + x] ? acc(1) : acc(0);
        const acc cx = (acc)x + acc(0.5), cy = (acc)y + acc(0.5);
        return cx >= box[0] && cx < box[2] && cy >= box[1] && cy < box[3] ? acc(1) : acc(0);
    }

    // Bilinear between cell centers at integers. Beyond the centers of the border cells the border goes on, for one cell.
    METHOD acc sample(acc y, acc x) const {
        if (!(y >= acc(-1) && y <= (acc)height && x >= acc(-1) && x <= (acc)width)) return acc(0);
        y = m_clamp(y, acc(0), (acc)(height - 1));
        x = m_clamp(x, acc(0), (acc)(width - 1));
        const int top = (int)y, left = (int)x, bottom = m_min(top + 1, height - 1), right = m_min(left + 1, width - 1);
        const acc fy = y - (acc)top, fx = x - (acc)left, gy = acc(1) - fy, gx = acc(1) - fx;
        return gy * gx * at(top, left) + gy * fx * at(top, right) + fy * gx * at(bottom, left) + fy * fx * at(bottom, right);
    }
};

// One team per box, lanes over bins. A box without an object, or without area, gets zeros.
KERNEL(mask_targets, acc* y,                    // [batch, boxes, side, side]
       const acc* boxes, const int* index,      // [batch, boxes, 4] corners in pixels, [batch, boxes]: object or negative
       const acc* truth, const uint8_t* masks,  // [batch, most, 4], [batch, most, height, width] or null
       const acc* sizes,                        // [batch, 2]: height and width of each picture
       int batch, int boxes_of_picture, int most, int height, int width, int side) {
    TEAM_LOOP (r, (index_t)batch * boxes_of_picture) {
        const index_t b = r / boxes_of_picture;
        const int k = index[r];
        const index_t object = b * most + m_max(k, 0);
        const int tall = ceiling(sizes[2 * b]), wide = ceiling(sizes[2 * b + 1]);
        const Canvas canvas = {masks ? masks + object * height * width : masks, truth + object * 4, width,
                               masks ? m_min(tall, height) : tall, masks ? m_min(wide, width) : wide};
        const acc* box = boxes + r * 4;
        const acc left = m_clamp(box[0], acc(0), (acc)canvas.width), right = m_clamp(box[2], acc(0), (acc)canvas.width);
        const acc top = m_clamp(box[1], acc(0), (acc)canvas.height), bottom = m_clamp(box[3], acc(0), (acc)canvas.height);
        const acc tall_bin = (bottom - top) / (acc)side, wide_bin = (right - left) / (acc)side;
        const int rows = k < 0 ? 0 : ceiling(tall_bin), columns = k < 0 ? 0 : ceiling(wide_bin);
        LANE_LOOP (i, side * side) {
            const acc begin_y = top - acc(0.5) + (acc)(i / side) * tall_bin, begin_x = left - acc(0.5) + (acc)(i % side) * wide_bin;
            acc sum = 0;
            for (int sy = 0; sy < rows; ++sy) {
                const acc at_y = begin_y + ((acc)sy + acc(0.5)) * tall_bin / (acc)rows;
                for (int sx = 0; sx < columns; ++sx) sum += canvas.sample(at_y, begin_x + ((acc)sx + acc(0.5)) * wide_bin / (acc)columns);
            }
            y[r * side * side + i] = sum / (acc)m_max(rows * columns, 1) >= acc(0.5) ? acc(1) : acc(0);
        }
    }
}
