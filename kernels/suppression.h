// What both kinds of suppression compare boxes with: corners (x1, y1, x2, y2), no guard in the denominator, so that two boxes without area
// overlap by a number that is none and leave each other alone.
#pragma once
#include "kernel.h"

typedef Pack<4, float> Corner4;

FN float area_of(const Corner4& a) { return (a.v[2] - a.v[0]) * (a.v[3] - a.v[1]); }

FN float iou_of(const Corner4& a, float area, const Corner4& b, float other) {
    const float w = m_max(0.0f, m_min(a.v[2], b.v[2]) - m_max(a.v[0], b.v[0]));
    const float h = m_max(0.0f, m_min(a.v[3], b.v[3]) - m_max(a.v[1], b.v[1]));
    return w * h / (area + other - w * h);
}
