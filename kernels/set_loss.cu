#include "box.h"
#include "focal.h"

// The set-prediction loss (Carion et al., 2020) of predictions that were matched to truths: focal loss of all classes, L1 of unit boxes, 1
// - generalised IoU in pixels. Problem p belongs to image p % images and to layer p / images. One team per prediction, lanes over classes.

struct Target {
    bool is_matched;
    int label;
    acc cx, cy, w, h;  // unit
    Box box;           // pixels
    acc image_w, image_h;
};

FN Target target_of(index_t row, const int* match, const real* truth_boxes, const int* truth_labels, const acc* sizes, int images, int most,
                    int predictions) {
    Target t = {};
    const index_t image = row / predictions % images;
    const int k = match[row];
    t.is_matched = k >= 0;
    t.label = -1;
    if (t.is_matched) {
        const real* b = truth_boxes + (image * most + k) * 4;
        t.label = truth_labels ? truth_labels[image * most + k] : 0;
        t.box = {(acc)b[0], (acc)b[1], (acc)b[2], (acc)b[3]};
        t.image_h = sizes[2 * image];
        t.image_w = sizes[2 * image + 1];
        const acc x1 = t.box.x1 / t.image_w, x2 = t.box.x2 / t.image_w, y1 = t.box.y1 / t.image_h, y2 = t.box.y2 / t.image_h;
        t.cx = (x1 + x2) / 2, t.cy = (y1 + y2) / 2, t.w = x2 - x1, t.h = y2 - y1;
    }
    return t;
}

FN Box pixels_of(const real* box, const Target& t) {
    const Box a = corners((acc)box[0], (acc)box[1], (acc)box[2], (acc)box[3]);
    return {a.x1 * t.image_w, a.y1 * t.image_h, a.x2 * t.image_w, a.y2 * t.image_h};
}

FN acc sign(acc x) { return x > 0 ? acc(1) : x < 0 ? acc(-1) : acc(0); }

KERNEL(set_loss_forward,
       acc* loss,                              // [problems, predictions, 3]: class, L1, IoU of each prediction
       const real* logits, const real* boxes,  // [problems, predictions, classes], [problems, predictions, 4] unit (cx, cy, w, h)
       const int* match,                       // [problems, predictions]: truth or -1
       const real* truth_boxes, const int* truth_labels,  // [images, most, 4] pixels, [images, most] or null: all class 0
       const acc* sizes,                                  // [images, 2] (height, width)
       int problems, int images, int most, int predictions, int classes) {
    TEAM_LOOP (row, (index_t)problems * predictions) {
        const Target t = target_of(row, match, truth_boxes, truth_labels, sizes, images, most, predictions);
        const real* x = logits + row * classes;
        const acc sum = team_sum(classes, [&](int c) { return focal_loss((acc)x[c], c == t.label, acc(0.25)); });
        LANE_ZERO {
            const real* b = boxes + row * 4;
            acc l1 = 0, iou = 0;
            if (t.is_matched) {
                l1 = m_abs((acc)b[0] - t.cx) + m_abs((acc)b[1] - t.cy) + m_abs((acc)b[2] - t.w) + m_abs((acc)b[3] - t.h);
                iou = acc(1) - overlap_of(pixels_of(b, t), t.box, acc(1e-6)).giou();
            }
            loss[3 * row] = sum;
            loss[3 * row + 1] = l1;
            loss[3 * row + 2] = iou;
        }
    }
}

KERNEL(set_loss_backward, real* dlogits, real* dboxes,
       const acc* dloss,  // [layers, 3]
       const real* logits, const real* boxes, const int* match, const real* truth_boxes, const int* truth_labels, const acc* sizes,
       int problems, int images, int most, int predictions, int classes) {
    TEAM_LOOP (row, (index_t)problems * predictions) {
        const Target t = target_of(row, match, truth_boxes, truth_labels, sizes, images, most, predictions);
        const acc* g = dloss + row / predictions / images * 3;
        const real* x = logits + row * classes;
        real* dx = dlogits + row * classes;
        const acc g0 = g[0];
        LANE_LOOP (c, classes) dx[c] = (real)(g0 * focal_slope((acc)x[c], c == t.label, acc(0.25)));
        LANE_ZERO {
            const real* b = boxes + row * 4;
            real* db = dboxes + row * 4;
            acc cx = 0, cy = 0, w = 0, h = 0;
            if (t.is_matched) {
                const Box a = pixels_of(b, t);
                const Box d = giou_gradient(a, t.box, overlap_of(a, t.box, acc(1e-6)), -g[2]);
                cx = g[1] * sign((acc)b[0] - t.cx) + (d.x1 + d.x2) * t.image_w;
                cy = g[1] * sign((acc)b[1] - t.cy) + (d.y1 + d.y2) * t.image_h;
                w = g[1] * sign((acc)b[2] - t.w) + (d.x2 - d.x1) * acc(0.5) * t.image_w;
                h = g[1] * sign((acc)b[3] - t.h) + (d.y2 - d.y1) * acc(0.5) * t.image_h;
            }
            db[0] = (real)cx;
            db[1] = (real)cy;
            db[2] = (real)w;
            db[3] = (real)h;
        }
    }
}

// What each of the three losses is multiplied by: its weight over the number of matches, at least one. Every object gets a prediction while
// there are enough of them.
KERNEL(set_loss_weights, float* weights, const int* counts, int images, int predictions, float class_weight, float box_weight,
       float iou_weight) {
    ELEMENT_LOOP (i, 1) {
        int matched = 0;
        for (int image = 0; image < images; ++image) matched += m_min(counts[image], predictions);
        const float scale = 1.0f / ((float)m_max(matched, 1) + 1.1920929e-07f);  // the reference adds it to every averaging factor
        weights[3 * i] = class_weight * scale;
        weights[3 * i + 1] = box_weight * scale;
        weights[3 * i + 2] = iou_weight * scale;
    }
}
