#include "box.h"

// Regression losses of boxes. An element of weight 0 adds nothing, whatever it holds.

// |x - t| of each number; for beta > 0 smooth: d² / (2 beta) below beta, d - beta / 2 above.
KERNEL(box_loss_l1_forward, acc* loss, const acc* x, const acc* targets, const acc* weights,  // [n], the weights [n / per] or absent
       index_t n, int per, float beta) {
    ELEMENT_LOOP (i, n) {
        const acc w = weights ? weights[i / per] : acc(1), d = m_abs(x[i] - targets[i]), b = (acc)beta;
        const acc value = d < b ? acc(0.5) * d * d / b : d - acc(0.5) * b;
        loss[i] = w == 0 ? acc(0) : w * value;
    }
}

KERNEL(box_loss_l1_backward, acc* dx, const acc* upstream, const acc* x, const acc* targets, const acc* weights, index_t n, int per,
       int step, float beta) {
    ELEMENT_LOOP (i, n) {
        const acc w = weights ? weights[i / per] : acc(1), d = x[i] - targets[i], b = (acc)beta;
        const acc slope = m_abs(d) < b ? d / b : d > 0 ? acc(1) : d < 0 ? acc(-1) : acc(0);
        dx[i] = w == 0 ? acc(0) : upstream[i * step] * w * slope;
    }
}

enum { IOU_LOG, IOU_LINEAR, IOU_SQUARE, GIOU, DIOU, CIOU };

struct BoxTerm {
    acc value;
    Box slope;
};

FN Box scaled(const Box& b, acc s) { return {b.x1 * s, b.y1 * s, b.x2 * s, b.y2 * s}; }
FN Box added(const Box& a, const Box& b) { return {a.x1 + b.x1, a.y1 + b.y1, a.x2 + b.x2, a.y2 + b.y2}; }

FN BoxTerm iou_term(const Box& a, const Box& b, int kind, acc eps) {
    const Overlap o = overlap_of(a, b, eps);
    if (kind == GIOU) return {acc(1) - o.giou(), giou_gradient(a, b, o, acc(-1))};
    const acc iou = m_max(o.iou(), eps);
    const acc slope = o.iou() < eps ? acc(0) : kind == IOU_LOG ? acc(-1) / iou : kind == IOU_LINEAR ? acc(-1) : acc(-2) * iou;
    return {kind == IOU_LOG      ? -m_log(iou)
            : kind == IOU_LINEAR ? acc(1) - iou
                                 : acc(1) - iou * iou,
            overlap_gradient(a, b, o, slope / o.joined, -slope * o.inter / (o.joined * o.joined), acc(0))};
}

// 1 - IoU + squared distance of the centers / squared diagonal of the enclosing box (Zheng et al., 2020); eps is added to denominators.
// CIoU adds alpha v for the aspect ratios, no gradient through alpha; the whole is clamped to [0, 2].
FN BoxTerm distance_term(const Box& a, const Box& b, int kind, acc eps) {
    Overlap o = overlap_of(a, b, acc(0));
    const acc meet = m_max(o.iw, acc(0)) * m_max(o.ih, acc(0)), cw = m_max(o.cw, acc(0)), ch = m_max(o.ch, acc(0));
    o.joined = a.area() + b.area() - meet + eps;
    o.joined_free = true;
    const acc iou = meet / o.joined, c2 = cw * cw + ch * ch + eps;
    const acc dx = (a.x1 + a.x2) - (b.x1 + b.x2), dy = (a.y1 + a.y2) - (b.y1 + b.y2), rho2 = (dx * dx + dy * dy) / 4;
    const Box diou = overlap_gradient(a, b, o, acc(1) / o.joined, -meet / (o.joined * o.joined), acc(0));
    const acc g = rho2 / (c2 * c2) * 2, gw = g * cw, gh = g * ch;  // d(-rho2 / c2) by the enclosing sides
    const Box distance = {-dx / 2 / c2 - gw * larger(b.x1, a.x1), -dy / 2 / c2 - gh * larger(b.y1, a.y1),
                          -dx / 2 / c2 + gw * larger(a.x2, b.x2), -dy / 2 / c2 + gh * larger(a.y2, b.y2)};
    const Box slope = added(diou, distance);
    if (kind == DIOU) return {acc(1) - (iou - rho2 / c2), scaled(slope, acc(-1))};

    const acc w1 = a.x2 - a.x1, h1 = a.y2 - a.y1 + eps, w2 = b.x2 - b.x1, h2 = b.y2 - b.y1 + eps;
    const acc k = acc(0.40528473456935109), turn = atan(w2 / h2) - atan(w1 / h1);  // 4 / pi²
    const acc v = k * turn * turn, alpha = iou > acc(0.5) ? v / (acc(1) - iou + v) : acc(0);
    const acc ciou = iou - (rho2 / c2 + alpha * v);
    const acc dw = acc(2) * k * turn * alpha * h1 / (w1 * w1 + h1 * h1), dh = -dw * w1 / h1;  // d(-alpha v)
    const Box whole = added(slope, {-dw, -dh, dw, dh});
    return {acc(1) - m_clamp(ciou, acc(-1), acc(1)), scaled(whole, ciou < acc(-1) || ciou > acc(1) ? acc(0) : acc(-1))};
}

// The weight of a box: given, or the mean of its four.
FN acc weight_of_box(const acc* weights, index_t r, int per_box) {
    if (!weights) return acc(1);
    if (per_box == 1) return weights[r];
    return (weights[4 * r] + weights[4 * r + 1] + weights[4 * r + 2] + weights[4 * r + 3]) / 4;
}

KERNEL(box_loss_iou_forward, acc* loss, const acc* x, const acc* targets,
       const acc* weights,  // [rows], [rows, 4] corners, [rows * per_box] or absent
       index_t rows, int per_box, int kind, float eps) {
    ELEMENT_LOOP (r, rows) {
        const acc *p = x + 4 * r, *t = targets + 4 * r;
        const Box a = {p[0], p[1], p[2], p[3]}, b = {t[0], t[1], t[2], t[3]};
        const acc w = weight_of_box(weights, r, per_box);
        loss[r] = w == 0 ? acc(0) : w * (kind >= DIOU ? distance_term(a, b, kind, (acc)eps) : iou_term(a, b, kind, (acc)eps)).value;
    }
}

KERNEL(box_loss_iou_backward, acc* dx, const acc* upstream, const acc* x, const acc* targets, const acc* weights, index_t rows, int per_box,
       int step, int kind, float eps) {
    ELEMENT_LOOP (r, rows) {
        const acc *p = x + 4 * r, *t = targets + 4 * r;
        const Box a = {p[0], p[1], p[2], p[3]}, b = {t[0], t[1], t[2], t[3]};
        const acc w = weight_of_box(weights, r, per_box), g = upstream[r * step] * w;
        const Box s = w == 0 ? Box{0, 0, 0, 0}
                             : scaled((kind >= DIOU ? distance_term(a, b, kind, (acc)eps) : iou_term(a, b, kind, (acc)eps)).slope, g);
        acc* d = dx + 4 * r;
        d[0] = s.x1, d[1] = s.y1, d[2] = s.x2, d[3] = s.y2;
    }
}
