#include "box.h"
#include "focal.h"

// The set-prediction loss (Carion et al., 2020) of predictions that answer for objects: focal or quality focal loss of all classes, L1 of
// unit boxes, 1 - generalised IoU in pixels; each summed by layer and group. Problem p belongs to image p % images and to layer p / images.
// A group is a run of the predictions: starts[g] … starts[g + 1] - 1. One team per prediction, lanes over classes.

// Names as in SetLoss.cs.
enum { FOCAL, QUALITY_FOCAL };

// What is compared with what; the same for forward and backward.
struct Comparison {
    const real *logits, *boxes;        // [problems, predictions, classes], [problems, predictions, 4] unit (cx, cy, w, h)
    const int* match;                  // [problems, predictions]: object, -1 background, -2 counts nowhere
    const real* truth_boxes;           // [images, most, 4] pixels
    const int* truth_labels;           // [images, most] or null: all class 0
    const acc *sizes, *class_weights;  // [images, 2] (height, width), [classes] or null: all 1
    int images, most, predictions, classes;
};

// A prediction and what it shall be.
struct Target {
    bool counts, is_matched;
    int label;
    acc quality;       // of the label, as the quality focal loss wants it
    acc cx, cy, w, h;  // unit
    Box box;           // pixels
    acc image_w, image_h;
};

FN Target target_of(const Comparison& all, index_t row) {
    Target t = {};
    const index_t image = row / all.predictions % all.images;
    const int k = all.match[row];
    t.counts = k >= -1;
    t.is_matched = k >= 0;
    t.label = -1;
    if (t.is_matched) {
        const real *b = all.truth_boxes + (image * all.most + k) * 4, *own = all.boxes + row * 4;
        t.label = all.truth_labels ? all.truth_labels[image * all.most + k] : 0;
        t.box = {(acc)b[0], (acc)b[1], (acc)b[2], (acc)b[3]};
        t.image_h = all.sizes[2 * image];
        t.image_w = all.sizes[2 * image + 1];
        const acc x1 = t.box.x1 / t.image_w, x2 = t.box.x2 / t.image_w, y1 = t.box.y1 / t.image_h, y2 = t.box.y2 / t.image_h;
        t.cx = (x1 + x2) / 2, t.cy = (y1 + y2) / 2, t.w = x2 - x1, t.h = y2 - y1;
        t.quality = overlap_of(corners((acc)own[0], (acc)own[1], (acc)own[2], (acc)own[3]), corners(t.cx, t.cy, t.w, t.h), acc(1e-6)).iou();
    }
    return t;
}

FN Box pixels_of(const real* box, const Target& t) {
    const Box a = corners((acc)box[0], (acc)box[1], (acc)box[2], (acc)box[3]);
    return {a.x1 * t.image_w, a.y1 * t.image_h, a.x2 * t.image_w, a.y2 * t.image_h};
}

FN acc sign(acc x) { return x > 0 ? acc(1) : x < 0 ? acc(-1) : acc(0); }

template <int kind>
FN acc class_loss(acc x, bool is_own, const Target& t) {
    return kind == FOCAL ? focal_loss(x, is_own, acc(0.25)) : quality_focal_loss(x, is_own ? t.quality : acc(0));
}

template <int kind>
FN acc class_slope(acc x, bool is_own, const Target& t) {
    return kind == FOCAL ? focal_slope(x, is_own, acc(0.25)) : quality_focal_slope(x, is_own ? t.quality : acc(0));
}

template <int kind>
FN void forward(acc* loss, const Comparison& all, int problems) {
    const index_t rows = (index_t)problems * all.predictions;
    TEAM_LOOP (row, rows) {
        const Target t = target_of(all, row);
        const real* x = all.logits + row * all.classes;
        acc sum = 0;
        if (t.counts && all.class_weights) {
            sum = team_sum(all.classes, [&](int c) { return all.class_weights[c] * class_loss<kind>((acc)x[c], c == t.label, t); });
        } else if (t.counts) {
            sum = team_sum(all.classes, [&](int c) { return class_loss<kind>((acc)x[c], c == t.label, t); });
        }
        LANE_ZERO {
            const real* b = all.boxes + row * 4;
            acc l1 = 0, iou = 0;
            if (t.is_matched) {
                l1 = m_abs((acc)b[0] - t.cx) + m_abs((acc)b[1] - t.cy) + m_abs((acc)b[2] - t.w) + m_abs((acc)b[3] - t.h);
                iou = acc(1) - overlap_of(pixels_of(b, t), t.box, acc(1e-6)).giou();
            }
            loss[row] = sum;
            loss[rows + row] = l1;
            loss[2 * rows + row] = iou;
        }
    }
}

FN int group_of(const int* starts, int groups, int prediction) {
    int g = 0;
    while (g + 1 < groups && prediction >= starts[g + 1]) ++g;
    return g;
}

template <int kind>
FN void backward(real* dlogits, real* dboxes, const acc* dloss, const Comparison& all, const int* starts, int groups, int problems) {
    TEAM_LOOP (row, (index_t)problems * all.predictions) {
        const Target t = target_of(all, row);
        const index_t layer = row / all.predictions / all.images;
        const acc* g = dloss + (layer * groups + group_of(starts, groups, (int)(row % all.predictions))) * 3;
        const real* x = all.logits + row * all.classes;
        real* dx = dlogits + row * all.classes;
        const acc g0 = g[0];
        if (!t.counts) {
            LANE_LOOP (c, all.classes) dx[c] = (real)0;
        } else if (all.class_weights) {
            LANE_LOOP (c, all.classes) dx[c] = (real)(g0 * all.class_weights[c] * class_slope<kind>((acc)x[c], c == t.label, t));
        } else {
            LANE_LOOP (c, all.classes) dx[c] = (real)(g0 * class_slope<kind>((acc)x[c], c == t.label, t));
        }
        LANE_ZERO {
            const real* b = all.boxes + row * 4;
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

KERNEL(set_loss_forward,
       acc* loss,  // [3, problems, predictions]: class, L1, IoU of each prediction; the rest as in Comparison
       const real* logits, const real* boxes, const int* match, const real* truth_boxes, const int* truth_labels, const acc* sizes,
       const acc* class_weights, int problems, int images, int most, int predictions, int classes, int kind) {
    const Comparison all = {logits, boxes, match, truth_boxes, truth_labels, sizes, class_weights, images, most, predictions, classes};
    if (kind == FOCAL) forward<FOCAL>(loss, all, problems);
    else forward<QUALITY_FOCAL>(loss, all, problems);
}

KERNEL(set_loss_backward, real* dlogits, real* dboxes, const acc* dloss, const int* starts,  // [layers, groups, 3], [groups + 1]
       const real* logits, const real* boxes, const int* match, const real* truth_boxes, const int* truth_labels, const acc* sizes,
       const acc* class_weights, int problems, int images, int most, int predictions, int classes, int groups, int kind) {
    const Comparison all = {logits, boxes, match, truth_boxes, truth_labels, sizes, class_weights, images, most, predictions, classes};
    if (kind == FOCAL) backward<FOCAL>(dlogits, dboxes, dloss, all, starts, groups, problems);
    else backward<QUALITY_FOCAL>(dlogits, dboxes, dloss, all, starts, groups, problems);
}

// The sum of a group's predictions in all images of a layer: one team for each of them and of the three losses.
KERNEL(set_loss_sum, acc* sums, const acc* loss, const int* starts,  // [layers, groups, 3], [3, problems, predictions], [groups + 1]
       int layers, int groups, int images, int predictions) {
    TEAM_LOOP (t, (index_t)layers * groups * 3) {
        const index_t layer = t / 3 / groups, term = t % 3;
        const int g = (int)(t / 3 % groups), size = starts[g + 1] - starts[g];
        acc sum = 0;
        for (int image = 0; image < images; ++image) {
            const acc* own = loss + ((term * layers + layer) * images + image) * predictions + starts[g];
            sum += team_sum(size, [&](int i) { return own[i]; });
        }
        LANE_ZERO sums[t] = sum;
    }
}

// How many predictions of a group answer for an object, in all images of the first layer.
KERNEL(set_loss_positives, acc* positives, const int* match, const int* starts,  // [groups], [images, predictions], [groups + 1]
       int groups, int images, int predictions) {
    TEAM_LOOP (g, groups) {
        const int begin = starts[g], size = starts[g + 1] - begin;
        acc sum = 0;
        for (int image = 0; image < images; ++image) {
            const int* own = match + (index_t)image * predictions + begin;
            sum += team_sum(size, [&](int i) { return own[i] >= 0 ? acc(1) : acc(0); });
        }
        LANE_ZERO positives[g] = sum;
    }
}

// What each of a group's three losses is multiplied by: its weight over the number of positives, at least one.
KERNEL(set_loss_weights, acc* weights, const acc* positives,  // [groups, 3], [groups]
       int groups, float class_weight, float box_weight, float iou_weight) {
    ELEMENT_LOOP (g, groups) {
        const acc scale = acc(1) / (m_max(positives[g], acc(1)) + acc(1.1920929e-07));  // the reference adds it to every averaging factor
        weights[3 * g] = class_weight * scale;
        weights[3 * g + 1] = box_weight * scale;
        weights[3 * g + 2] = iou_weight * scale;
    }
}

KERNEL(set_loss_group, int* starts, int group, int end) {  // [groups + 1]
    ELEMENT_LOOP (i, 1) {
        if (group == 0) starts[0] = 0;
        starts[group + 1] = end;
    }
}
