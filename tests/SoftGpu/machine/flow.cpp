// Where diverging lanes meet again: the immediate post-dominator of each branch.
#include <algorithm>

#include "syntax.h"

namespace softgpu {
namespace {

struct Node {
    uint32_t begin = 0, end = 0;
    std::vector<uint32_t> to, from;
    uint32_t order = nowhere;      // in reverse post-order of the reversed graph
    uint32_t dominator = nowhere;  // immediate post-dominator
};

std::vector<uint32_t> targets_of(const Instruction& i) { return i.targets ? *i.targets : std::vector<uint32_t>{i.target}; }

std::vector<Node> graph(const Function& f, std::vector<uint32_t>& node_of) {
    const auto n = static_cast<uint32_t>(f.code.size());
    std::vector<bool> begins(n + 1, false);
    begins[0] = true;
    for (uint32_t k = 0; k < n; ++k) {
        const Instruction& i = f.code[k];
        if (i.flow == Flow::next) continue;
        begins[k + 1] = true;
        if (i.flow != Flow::end) {
            for (const uint32_t t : targets_of(i)) begins[t] = true;
        }
    }
    std::vector<Node> nodes;
    node_of.assign(n + 1, 0);
    for (uint32_t k = 0; k < n; ++k) {
        if (begins[k]) nodes.push_back({k, k, {}, {}, nowhere, nowhere});
        nodes.back().end = k + 1;
        node_of[k] = static_cast<uint32_t>(nodes.size() - 1);
    }
    const auto exit = static_cast<uint32_t>(nodes.size());
    nodes.push_back({n, n, {}, {}, nowhere, nowhere});
    node_of[n] = exit;
    for (uint32_t b = 0; b < exit; ++b) {
        const Instruction& last = f.code[nodes[b].end - 1];
        if (last.flow == Flow::branch || last.flow == Flow::table) {
            for (const uint32_t t : targets_of(last)) nodes[b].to.push_back(node_of[t]);
        }
        if (last.flow == Flow::end) nodes[b].to.push_back(exit);
        if (last.flow == Flow::next || last.guarded) nodes[b].to.push_back(node_of[nodes[b].end]);
        for (const uint32_t t : nodes[b].to) nodes[t].from.push_back(b);
    }
    return nodes;
}

}  // namespace

void find_rejoins(Function& f) {
    std::vector<uint32_t> node_of;
    std::vector<Node> nodes = graph(f, node_of);
    const auto exit = static_cast<uint32_t>(nodes.size() - 1);
    std::vector<uint32_t> finished;
    std::vector<std::pair<uint32_t, size_t>> path{{exit, 0}};
    std::vector<bool> seen(nodes.size(), false);
    seen[exit] = true;
    while (!path.empty()) {  // against the edges, from the exit
        auto& [at, next] = path.back();
        if (next == nodes[at].from.size()) {
            finished.push_back(at);
            path.pop_back();
            continue;
        }
        const uint32_t into = nodes[at].from[next++];
        if (!seen[into]) {
            seen[into] = true;
            path.emplace_back(into, 0);
        }
    }
    std::reverse(finished.begin(), finished.end());
    for (uint32_t k = 0; k < finished.size(); ++k) nodes[finished[k]].order = k;
    nodes[exit].dominator = exit;
    for (bool changed = true; changed;) {
        changed = false;
        for (const uint32_t b : finished) {
            if (b == exit) continue;
            uint32_t common = nowhere;
            for (uint32_t t : nodes[b].to) {
                if (nodes[t].dominator == nowhere) continue;
                if (common == nowhere) {
                    common = t;
                    continue;
                }
                while (t != common) {
                    while (nodes[t].order > nodes[common].order) t = nodes[t].dominator;
                    while (nodes[common].order > nodes[t].order) common = nodes[common].dominator;
                }
            }
            if (nodes[b].dominator != common) {
                nodes[b].dominator = common;
                changed = true;
            }
        }
    }
    for (uint32_t k = 0; k < f.code.size(); ++k) {
        Instruction& i = f.code[k];
        if (i.flow != Flow::branch && i.flow != Flow::table) continue;
        const uint32_t d = nodes[node_of[k]].dominator;
        i.rejoin = d == nowhere || d == exit ? nowhere : nodes[d].begin;
    }
}

}  // namespace softgpu
