#include "box.h"

// Boxes as numbers relative to a prior (Ren et al., 2015; Tian et al., 2019). `rows` numbers of each of `batch` pictures; prior i belongs
// to rows i * repeat … i * repeat + repeat - 1, and to every picture where `priors_of_picture` is 0. A prior is a box or a point.

FN const acc* prior_of(const acc* priors, index_t i, int rows, int repeat, index_t priors_of_picture, int numbers) {
    return priors + (i / rows * priors_of_picture + i % rows / repeat) * numbers;
}

FN Box box_at(const acc* p) { return {p[0], p[1], p[2], p[3]}; }

FN void store(acc* p, const Box& b) {
    p[0] = b.x1;
    p[1] = b.y1;
    p[2] = b.x2;
    p[3] = b.y2;
}

FN Box clipped(const Box& b, const acc* size) {
    const acc h = size[0], w = size[1];
    return {m_clamp(b.x1, acc(0), w), m_clamp(b.y1, acc(0), h), m_clamp(b.x2, acc(0), w), m_clamp(b.y2, acc(0), h)};
}

// What of a gradient passes a clip: nothing where the number was moved.
FN Box clipped_gradient(const Box& d, const Box& before, const acc* size) {
    const Box after = clipped(before, size);
    return {before.x1 == after.x1 ? d.x1 : acc(0), before.y1 == after.y1 ? d.y1 : acc(0), before.x2 == after.x2 ? d.x2 : acc(0),
            before.y2 == after.y2 ? d.y2 : acc(0)};
}

// (dx, dy, dw, dh): centre moved by a share of the prior's sides, sides multiplied by a power of e; standardised by means and deviations.
struct Deltas {
    acc mean_x, mean_y, mean_w, mean_h, std_x, std_y, std_w, std_h;
    acc center_clamp;  // bound of the centre's move in pixels; 0 for none
};

struct Decoded {
    acc move_x, move_y, log_w, log_h;  // after the bounds
    bool x_free, y_free, w_free, h_free;
    acc prior_w, prior_h, w, h;
    Box box;
};

FN acc bounded(acc x, acc low, acc high, bool& is_free) {
    is_free = x >= low && x <= high;
    return m_clamp(x, low, high);
}

FN Decoded decode(const acc* d, const Box& prior, const Deltas& s) {
    Decoded o;
    o.prior_w = prior.x2 - prior.x1;
    o.prior_h = prior.y2 - prior.y1;
    const acc most = acc(4.135166556742356);  // -ln 0.016: no side becomes more than 62.5 times as long
    const acc least = s.center_clamp > 0 ? -(acc)INFINITY : -most, reach = s.center_clamp > 0 ? s.center_clamp : (acc)INFINITY;
    o.move_x = bounded(o.prior_w * (d[0] * s.std_x + s.mean_x), -reach, reach, o.x_free);
    o.move_y = bounded(o.prior_h * (d[1] * s.std_y + s.mean_y), -reach, reach, o.y_free);
    o.log_w = bounded(d[2] * s.std_w + s.mean_w, least, most, o.w_free);
    o.log_h = bounded(d[3] * s.std_h + s.mean_h, least, most, o.h_free);
    o.w = o.prior_w * m_exp(o.log_w);
    o.h = o.prior_h * m_exp(o.log_h);
    o.box = corners((prior.x1 + prior.x2) * acc(0.5) + o.move_x, (prior.y1 + prior.y2) * acc(0.5) + o.move_y, o.w, o.h);
    return o;
}

KERNEL(box_coding_decode_deltas, acc* y, const acc* deltas, const acc* priors,  // [batch, rows, 4], [batch, rows, 4], [(batch,) priors, 4]
       const acc* sizes,                                                        // [batch, 2] (height, width) to clip to, or null
       int batch, int rows, int repeat, index_t priors_of_picture, float mean_x, float mean_y, float mean_w, float mean_h, float std_x,
       float std_y, float std_w, float std_h, float center_clamp) {
    const Deltas s = {mean_x, mean_y, mean_w, mean_h, std_x, std_y, std_w, std_h, center_clamp};
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const Box b = decode(deltas + 4 * i, box_at(prior_of(priors, i, rows, repeat, priors_of_picture, 4)), s).box;
        store(y + 4 * i, sizes ? clipped(b, sizes + i / rows * 2) : b);
    }
}

KERNEL(box_coding_decode_deltas_backward, acc* ddeltas, const acc* dy, const acc* deltas, const acc* priors, const acc* sizes, int batch,
       int rows, int repeat, index_t priors_of_picture, float mean_x, float mean_y, float mean_w, float mean_h, float std_x, float std_y,
       float std_w, float std_h, float center_clamp) {
    const Deltas s = {mean_x, mean_y, mean_w, mean_h, std_x, std_y, std_w, std_h, center_clamp};
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const Decoded o = decode(deltas + 4 * i, box_at(prior_of(priors, i, rows, repeat, priors_of_picture, 4)), s);
        Box g = box_at(dy + 4 * i);
        if (sizes) g = clipped_gradient(g, o.box, sizes + i / rows * 2);
        acc* d = ddeltas + 4 * i;
        d[0] = o.x_free ? (g.x1 + g.x2) * o.prior_w * s.std_x : acc(0);
        d[1] = o.y_free ? (g.y1 + g.y2) * o.prior_h * s.std_y : acc(0);
        d[2] = o.w_free ? acc(0.5) * (g.x2 - g.x1) * o.w * s.std_w : acc(0);
        d[3] = o.h_free ? acc(0.5) * (g.y2 - g.y1) * o.h * s.std_h : acc(0);
    }
}

// The inverse. A box or prior without an area (padding, the target of a negative) becomes zeros: what counts with weight 0 stays finite.
KERNEL(box_coding_encode_deltas, acc* y, const acc* boxes, const acc* priors,  // [batch, rows, 4], [batch, rows, 4], [(batch,) priors, 4]
       int batch, int rows, int repeat, index_t priors_of_picture, float mean_x, float mean_y, float mean_w, float mean_h, float std_x,
       float std_y, float std_w, float std_h) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const Box b = box_at(boxes + 4 * i), p = box_at(prior_of(priors, i, rows, repeat, priors_of_picture, 4));
        const acc w = b.x2 - b.x1, h = b.y2 - b.y1, prior_w = p.x2 - p.x1, prior_h = p.y2 - p.y1;
        acc* d = y + 4 * i;
        const bool is_box = w > 0 && h > 0 && prior_w > 0 && prior_h > 0;
        d[0] = is_box ? (((b.x1 + b.x2) * acc(0.5) - (p.x1 + p.x2) * acc(0.5)) / prior_w - mean_x) / std_x : acc(0);
        d[1] = is_box ? (((b.y1 + b.y2) * acc(0.5) - (p.y1 + p.y2) * acc(0.5)) / prior_h - mean_y) / std_y : acc(0);
        d[2] = is_box ? (m_log(w / prior_w) - mean_w) / std_w : acc(0);
        d[3] = is_box ? (m_log(h / prior_h) - mean_h) / std_h : acc(0);
    }
}

// (left, top, right, bottom): distances of the sides from a point.
FN Box around(const acc* point, const acc* d) { return {point[0] - d[0], point[1] - d[1], point[0] + d[2], point[1] + d[3]}; }

KERNEL(box_coding_decode_distances, acc* y, const acc* distances,
       const acc* points,  // [batch, rows, 4], [batch, rows, 4], [(batch,) priors, 2]
       const acc* sizes,   // [batch, 2] (height, width) to clip to, or null
       int batch, int rows, int repeat, index_t priors_of_picture) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const Box b = around(prior_of(points, i, rows, repeat, priors_of_picture, 2), distances + 4 * i);
        store(y + 4 * i, sizes ? clipped(b, sizes + i / rows * 2) : b);
    }
}

KERNEL(box_coding_decode_distances_backward, acc* ddistances, const acc* dy, const acc* distances, const acc* points, const acc* sizes,
       int batch, int rows, int repeat, index_t priors_of_picture) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        Box g = box_at(dy + 4 * i);
        if (sizes)
            g = clipped_gradient(g, around(prior_of(points, i, rows, repeat, priors_of_picture, 2), distances + 4 * i),
                                 sizes + i / rows * 2);
        store(ddistances + 4 * i, {-g.x1, -g.y1, g.x2, g.y2});
    }
}

// The inverse, within [0, most].
KERNEL(box_coding_encode_distances, acc* y, const acc* boxes,
       const acc* points,  // [batch, rows, 4], [batch, rows, 4], [(batch,) priors, 2]
       int batch, int rows, int repeat, index_t priors_of_picture, float least, float most) {
    ELEMENT_LOOP (i, (index_t)batch * rows) {
        const acc* p = prior_of(points, i, rows, repeat, priors_of_picture, 2);
        const Box b = box_at(boxes + 4 * i);
        acc* d = y + 4 * i;
        d[0] = m_clamp(p[0] - b.x1, (acc)least, (acc)most);
        d[1] = m_clamp(p[1] - b.y1, (acc)least, (acc)most);
        d[2] = m_clamp(b.x2 - p[0], (acc)least, (acc)most);
        d[3] = m_clamp(b.y2 - p[1], (acc)least, (acc)most);
    }
}
