// Boxes as four numbers: areas, overlaps and their gradients. Corner form (x1, y1, x2, y2) unless said otherwise.
#pragma once
#include "kernel.h"

// A product that is rounded by itself. Compilers fuse a product with the sum that takes it, in one kernel so and in another not; they do
// not see through this maximum. Overlaps are compared with thresholds and with each other: they are the same numbers wherever they are
// computed.
FN acc product(acc a, acc b) { return m_max(-(acc)INFINITY, a * b); }

struct Box {
    acc x1, y1, x2, y2;
    METHOD acc area() const { return product(x2 - x1, y2 - y1); }
};

FN Box corners(acc cx, acc cy, acc w, acc h) { return {cx - acc(0.5) * w, cy - acc(0.5) * h, cx + acc(0.5) * w, cy + acc(0.5) * h}; }

// What IoU and generalised IoU of two boxes are made of. eps guards both denominators.
struct Overlap {
    acc iw, ih, cw, ch;           // sides of the intersection and of the enclosing box; negative where the boxes lie apart
    acc inter, joined, hull;      // their areas and the area of the union, guarded
    bool joined_free, hull_free;  // whether the guard left them alone
    METHOD acc iou() const { return inter / joined; }
    METHOD acc giou() const { return inter / joined - (hull - joined) / hull; }
};

FN Overlap overlap_of(const Box& a, const Box& b, acc eps) {
    Overlap o;
    o.iw = m_min(a.x2, b.x2) - m_max(a.x1, b.x1);
    o.ih = m_min(a.y2, b.y2) - m_max(a.y1, b.y1);
    o.cw = m_max(a.x2, b.x2) - m_min(a.x1, b.x1);
    o.ch = m_max(a.y2, b.y2) - m_min(a.y1, b.y1);
    o.inter = product(m_max(o.iw, acc(0)), m_max(o.ih, acc(0)));
    const acc joined = a.area() + b.area() - o.inter, hull = product(m_max(o.cw, acc(0)), m_max(o.ch, acc(0)));
    o.joined_free = joined > eps;
    o.hull_free = hull > eps;
    o.joined = o.joined_free ? joined : eps;
    o.hull = o.hull_free ? hull : eps;
    return o;
}

// 1 where a > b, 1/2 where equal: how max and min share their gradient.
FN acc larger(acc a, acc b) { return a > b ? acc(1) : a == b ? acc(0.5) : acc(0); }

// Gradient of f(inter, joined, hull) with respect to the corners of `a`, from its partial derivatives.
FN Box overlap_gradient(const Box& a, const Box& b, const Overlap& o, acc d_inter, acc d_joined, acc d_hull) {
    if (!o.joined_free) d_joined = 0;
    if (!o.hull_free) d_hull = 0;
    const acc meets = o.iw >= 0 && o.ih >= 0 ? acc(1) : acc(0);
    const acc i = meets * (d_inter - d_joined), w = a.x2 - a.x1, h = a.y2 - a.y1;
    return {-i * o.ih * larger(a.x1, b.x1) - d_joined * h - d_hull * o.ch * larger(b.x1, a.x1),
            -i * o.iw * larger(a.y1, b.y1) - d_joined * w - d_hull * o.cw * larger(b.y1, a.y1),
            i * o.ih * larger(b.x2, a.x2) + d_joined * h + d_hull * o.ch * larger(a.x2, b.x2),
            i * o.iw * larger(b.y2, a.y2) + d_joined * w + d_hull * o.cw * larger(a.y2, b.y2)};
}

// Gradient of the generalised IoU, times `scale`, with respect to the corners of `a`.
FN Box giou_gradient(const Box& a, const Box& b, const Overlap& o, acc scale) {
    return overlap_gradient(a, b, o, scale / o.joined, scale * (acc(1) / o.hull - o.inter / (o.joined * o.joined)),
                            -scale * o.joined / (o.hull * o.hull));
}
