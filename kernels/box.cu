#include "box.h"

FN Box box_at(const acc* p) { return {p[0], p[1], p[2], p[3]}; }

// kind 0: intersection over union; 1: intersection over the first box; 2: generalised IoU.
FN acc overlap_of_kind(const Box& a, const Box& b, int kind, acc eps) {
    const Overlap o = overlap_of(a, b, eps);
    return kind == 0 ? o.iou() : kind == 1 ? o.inter / m_max(a.area(), eps) : o.giou();
}

KERNEL(box_to_corners, acc* y, const acc* x, index_t rows) {
    ELEMENT_LOOP (i, rows) {
        const acc* c = x + 4 * i;
        const Box b = corners(c[0], c[1], c[2], c[3]);
        acc* o = y + 4 * i;
        o[0] = b.x1, o[1] = b.y1, o[2] = b.x2, o[3] = b.y2;
    }
}

KERNEL(box_to_corners_backward, acc* dx, const acc* dy, index_t rows) {
    ELEMENT_LOOP (i, rows) {
        const acc* g = dy + 4 * i;
        acc* o = dx + 4 * i;
        o[0] = g[0] + g[2], o[1] = g[1] + g[3], o[2] = acc(0.5) * (g[2] - g[0]), o[3] = acc(0.5) * (g[3] - g[1]);
    }
}

KERNEL(box_to_centers, acc* y, const acc* x, index_t rows) {
    ELEMENT_LOOP (i, rows) {
        const Box b = box_at(x + 4 * i);
        acc* o = y + 4 * i;
        o[0] = (b.x1 + b.x2) * acc(0.5), o[1] = (b.y1 + b.y2) * acc(0.5), o[2] = b.x2 - b.x1, o[3] = b.y2 - b.y1;
    }
}

KERNEL(box_to_centers_backward, acc* dx, const acc* dy, index_t rows) {
    ELEMENT_LOOP (i, rows) {
        const acc* g = dy + 4 * i;
        acc* o = dx + 4 * i;
        o[0] = acc(0.5) * g[0] - g[2], o[1] = acc(0.5) * g[1] - g[3], o[2] = acc(0.5) * g[0] + g[2], o[3] = acc(0.5) * g[1] + g[3];
    }
}

KERNEL(box_pairwise, acc* y, const acc* a, const acc* b,  // [batch, rows, columns], [batch, rows, 4], [batch, columns, 4]
       int batch, int rows, int columns, int kind, float eps) {
    TEAM_LOOP (t, (index_t)batch * rows) {
        const Box box = box_at(a + 4 * t);
        const acc* other = b + t / rows * columns * 4;
        LANE_LOOP (c, columns) y[t * columns + c] = overlap_of_kind(box, box_at(other + 4 * c), kind, (acc)eps);
    }
}

KERNEL(box_aligned, acc* y, const acc* a, const acc* b,  // [rows], [rows, 4], [rows, 4]
       index_t rows, int kind, float eps) {
    ELEMENT_LOOP (i, rows) y[i] = overlap_of_kind(box_at(a + 4 * i), box_at(b + 4 * i), kind, (acc)eps);
}
