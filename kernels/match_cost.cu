#include "box.h"

// What it costs to let a prediction answer for a truth (Carion et al., 2020): class (focal form), L1 of unit boxes, generalised IoU in
// pixels. Problem p belongs to image p % images. Truths beyond an image's count are left alone. One team per (problem, truth), lanes over
// predictions.
KERNEL(match_cost,
       float* cost,                              // [problems, most, predictions]
       const float* logits, const float* boxes,  // [problems, predictions, classes], [problems, predictions, 4] unit (cx, cy, w, h)
       const float* truth_boxes, const int* truth_labels,  // [images, most, 4] pixels (x1, y1, x2, y2), [images, most] or null: all class 0
       const int* counts, const float* sizes,              // [images], [images, 2] (height, width) in pixels
       int problems, int images, int most, int predictions, int classes, float class_weight, float box_weight, float iou_weight) {
    TEAM_LOOP (t, (index_t)problems * most) {
        const index_t p = t / most, image = p % images;
        const int k = (int)(t % most);
        if (k < counts[image]) {
            const acc h = sizes[2 * image], w = sizes[2 * image + 1];
            const float* truth = truth_boxes + (image * most + k) * 4;
            const Box b = {truth[0], truth[1], truth[2], truth[3]};
            const acc x1 = b.x1 / w, x2 = b.x2 / w, y1 = b.y1 / h, y2 = b.y2 / h;
            const acc cx = (x1 + x2) / 2, cy = (y1 + y2) / 2, bw = x2 - x1, bh = y2 - y1;
            const float* logit = logits + p * predictions * classes + (truth_labels ? truth_labels[image * most + k] : 0);
            const float* box = boxes + p * predictions * 4;
            float* out = cost + t * predictions;
            LANE_LOOP (q, predictions) {
                const acc s = m_sigmoid(logit[(index_t)q * classes]), u = acc(1) - s;
                const acc positive = -m_log(s + acc(1e-12)) * acc(0.25) * u * u, negative = -m_log(u + acc(1e-12)) * acc(0.75) * s * s;
                const acc px = box[4 * q], py = box[4 * q + 1], pw = box[4 * q + 2], ph = box[4 * q + 3];
                Box a = corners(px, py, pw, ph);
                a = {a.x1 * w, a.y1 * h, a.x2 * w, a.y2 * h};
                out[q] = (positive - negative) * class_weight +
                         (m_abs(px - cx) + m_abs(py - cy) + m_abs(pw - bw) + m_abs(ph - bh)) * box_weight -
                         overlap_of(a, b, acc(1e-6)).giou() * iou_weight;
            }
        }
    }
}
