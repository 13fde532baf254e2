#include "kernel.h"

// Minimum-cost assignment by shortest augmenting paths (Jonker & Volgenant, 1987; Crouse, 2016): one problem per team, lanes over columns.
// Duals and path lengths are doubles. Ties are broken as SciPy's linear_sum_assignment does: columns are looked at from the last one on,
// and a free column wins. A cost that is not finite counts as larger than every assignment of finite ones, so such a pair is chosen only
// where nothing else is left.
struct Assignment {
    int rows, columns;                      // rows <= columns
    int row_step, column_step;              // places of neighbours in the cost matrix
    double *u, *v, *length;                 // [rows], [columns], [columns]: duals, shortest path to a column
    int *path, *row_of, *column_of, *open;  // [columns], [columns], [rows], [columns]
};

FN bool is_finite(double x) { return x - x == 0; }

template <class T>
FN double cost_at(const T* cost, const Assignment& a, int row, int column, double forbidden) {
    const double c = (double)cost[(index_t)row * a.row_step + (index_t)column * a.column_step];
    return is_finite(c) ? c : forbidden;
}

// Finds the shortest path from `start` to a free column; returns that column and leaves the lengths and the columns reached behind
// `reached`.
template <class T>
FN int augmenting_path(const T* cost, const Assignment& a, int start, double forbidden, double& shortest, int& left) {
    left = a.columns;
    shortest = 0;
    LANE_LOOP (c, a.columns) {
        a.open[c] = a.columns - 1 - c;
        a.length[c] = (double)INFINITY;
    }
    for (int row = start;;) {
        const double base = shortest - a.u[row];
        team_sync();
        LANE_LOOP (k, left) {
            const int c = a.open[k];
            const double r = base + cost_at(cost, a, row, c, forbidden) - a.v[c];
            if (r < a.length[c]) {
                a.path[c] = row;
                a.length[c] = r;
            }
        }
        team_sync();
        shortest = team_min_index<double>(left, [&](int k) { return a.length[a.open[k]]; }).value;
        // Among equals the last free column, else the first taken one.
        const int at = team_min_index<double>(left, [&](int k) {
                           const int c = a.open[k];
                           return a.length[c] != shortest ? (double)INFINITY : a.row_of[c] < 0 ? -1.0 - k : (double)k;
                       }).index;
        const int column = a.open[at];
        row = a.row_of[column];
        --left;
        team_sync();
        LANE_ZERO {
            a.open[at] = a.open[left];
            a.open[left] = column;  // behind `left` lie the columns that were reached
        }
        team_sync();
        if (row < 0) return column;
    }
}

template <class T>
FN void assign(const T* cost, const Assignment& a, double forbidden) {
    LANE_LOOP (c, a.columns) {
        a.v[c] = 0;
        a.row_of[c] = -1;
    }
    LANE_LOOP (r, a.rows) {
        a.u[r] = 0;
        a.column_of[r] = -1;
    }
    for (int start = 0; start < a.rows; ++start) {
        double shortest;
        int left;
        int column = augmenting_path(cost, a, start, forbidden, shortest, left);
        LANE_LOOP (k, a.columns - left) {
            const int c = a.open[left + k], r = a.row_of[c];
            if (r >= 0) a.u[r] += shortest - a.length[c];
            a.v[c] -= shortest - a.length[c];
        }
        LANE_ZERO {
            a.u[start] += shortest;
            for (int row = -1; row != start;) {
                row = a.path[column];
                a.row_of[column] = row;
                const int before = a.column_of[row];
                a.column_of[row] = column;
                column = before;
            }
        }
        team_sync();
    }
}

// match[p, q]: the truth that prediction q answers for, or -1. bad[p]: how many costs were not finite. A problem needs `doubles` numbers of
// memory: the team's scratch, or its part of the workspace where a team has less.
template <class T>
FN void hungarian(int* match, int* bad, double* workspace, const T* cost, const int* counts, int problems, int images, int most,
                  int predictions, int doubles) {
    TEAM_LOOP (p, problems) {
        const int truths = counts[p % images];
        const bool turned = predictions > truths;  // rows are the fewer; the predictions if equal
        Assignment a;
        a.rows = turned ? truths : predictions;
        a.columns = turned ? predictions : truths;
        a.row_step = turned ? predictions : 1;
        a.column_step = turned ? 1 : predictions;
        TEAM_SCRATCH(double, own_memory, workspace ? 0 : doubles);
        a.u = workspace ? workspace + p * doubles : own_memory;
        a.v = a.u + a.rows;
        a.length = a.v + a.columns;
        a.path = (int*)(a.length + a.columns);
        a.row_of = a.path + a.columns;
        a.open = a.row_of + a.columns;
        a.column_of = a.open + a.columns;

        const T* own = cost + p * most * predictions;
        const int all = truths * predictions;
        int broken = 0;
        double low = 0, high = 0;
        if (all > 0) {
            broken = (int)team_sum(all, [&](int i) { return is_finite((double)own[i]) ? acc(0) : acc(1); });
            low = team_min_index<double>(all, [&](int i) { return is_finite((double)own[i]) ? (double)own[i] : (double)INFINITY; }).value;
            high =
                -team_min_index<double>(all, [&](int i) { return is_finite((double)own[i]) ? -(double)own[i] : (double)INFINITY; }).value;
            if (broken == all) low = high = 0;
        }
        assign(own, a, high + (high - low + 1) * (a.rows + 1));

        int* out = match + p * predictions;
        if (turned) {
            LANE_LOOP (q, predictions) out[q] = a.row_of[q];
        } else {
            LANE_LOOP (q, predictions) out[q] = a.column_of[q];
        }
        LANE_ZERO bad[p] = broken;
    }
}

KERNEL(hungarian_f32, int* match, int* bad,   // [problems, predictions], [problems]
       double* workspace,                     // [problems, doubles] or null
       const float* cost, const int* counts,  // [problems, most, predictions], [images]: truths of problem p are those of image p % images
       int problems, int images, int most, int predictions, int doubles) {
    hungarian(match, bad, workspace, cost, counts, problems, images, most, predictions, doubles);
}

KERNEL(hungarian_f64, int* match, int* bad, double* workspace, const double* cost, const int* counts, int problems, int images, int most,
       int predictions, int doubles) {
    hungarian(match, bad, workspace, cost, counts, problems, images, most, predictions, doubles);
}
