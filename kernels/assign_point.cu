#include "box.h"

// Fully convolutional one-stage assignment (Tian et al., 2019): a point answers for the smallest truth that it lies in, if the farthest
// side is as far away as its level shall reach; with a radius it must lie in the middle of the truth, a square of that radius cut by the
// truth.

// One level, one team per (picture, run of `most_points` points), lanes over points.
KERNEL(assign_point, int* index,               // [batch, rows]
       const float* boxes, const int* counts,  // [batch, most, 4], [batch]
       const uint8_t* use,                     // [batch, rows] or null; 0: no point
       int batch, int most, int rows, int begin, int height, int width, int most_points, float stride, float low, float high,
       float radius) {
    const int points = height * width, runs = (points + most_points - 1) / most_points;
    TEAM_LOOP (t, (index_t)batch * runs) {
        TEAM_SCRATCH(float, x, most_points);
        TEAM_SCRATCH(float, y, most_points);
        TEAM_SCRATCH(float, area, most_points);  // of the point's truth; none is smaller than 0
        const index_t b = t / runs;
        const int from = (int)(t % runs) * most_points, n = m_min(most_points, points - from);
        int* own = index + b * rows + begin + from;
        LANE_LOOP (i, n) {
            const bool is_point = !use || use[b * rows + begin + from + i];
            x[i] = ((float)((from + i) % width) + 0.5f) * stride;
            y[i] = ((float)((from + i) / width) + 0.5f) * stride;
            area[i] = is_point ? 1e8f : -1.0f;
            own[i] = is_point ? -1 : -2;
        }
        for (int k = 0; k < counts[b]; ++k) {
            const float* t4 = boxes + (b * most + k) * 4;
            const Box box = {t4[0], t4[1], t4[2], t4[3]};
            const acc cx = (box.x1 + box.x2) / 2, cy = (box.y1 + box.y2) / 2, r = radius > 0 ? (acc)radius : acc(1e30);
            const Box middle = {m_max(cx - r, box.x1), m_max(cy - r, box.y1), m_min(cx + r, box.x2), m_min(cy + r, box.y2)};
            const float size = (float)box.area();
            LANE_LOOP (i, n) {
                const acc inside = m_min(m_min(x[i] - middle.x1, y[i] - middle.y1), m_min(middle.x2 - x[i], middle.y2 - y[i]));
                const acc reach = m_max(m_max(x[i] - box.x1, y[i] - box.y1), m_max(box.x2 - x[i], box.y2 - y[i]));
                const bool takes = inside > 0 && reach >= low && reach <= high && size < area[i];
                own[i] = takes ? k : own[i];
                area[i] = takes ? size : area[i];
            }
        }
    }
}
