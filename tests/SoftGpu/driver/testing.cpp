// What tests call beside the driver's own entry points, and what is written when the process ends.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "../findings.h"
#include "../settings.h"
#include "entry.h"
#include "exit.h"
#include "injection.h"

using namespace softgpu;

namespace {

std::string json(const std::string& name, const Counters& counters) {
    auto text = "{\"kernel\":\"" + name + "\"";
    auto add = [&](const char* key, uint64_t value) { text += std::string(",\"") + key + "\":" + std::to_string(value); };
    add("launches", counters.launches);
    add("threads", counters.threads);
    add("instructions", counters.instructions);
    add("warp_instructions", counters.warp_instructions);
    const char* kinds[] = {"integer", "float", "double", "half", "special", "memory", "control", "conversion"};
    for (size_t i = 0; i < 8; i++) add(kinds[i], counters.by_kind[i]);
    add("read_sectors", counters.read_sectors);
    add("written_sectors", counters.written_sectors);
    add("read_bytes", counters.read_bytes);
    add("written_bytes", counters.written_bytes);
    add("shared_accesses", counters.shared_accesses);
    add("shared_conflicts", counters.shared_conflicts);
    add("branches", counters.branches);
    add("divergent_branches", counters.divergent_branches);
    add("atomics", counters.atomics);
    add("barriers", counters.barriers);
    return text + ",\"seconds\":" + std::to_string(counters.seconds) + "}";
}

// In one write, so that processes that end together do not mix their lines.
void append_to(const char* path, const std::string& text) {
    if (!path || text.empty()) return;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || write(file, text.data(), text.size()) != ssize_t(text.size()))
        std::fprintf(stderr, "soft GPU: cannot write %s\n", path);
    if (file >= 0) close(file);
}

void at_exit() {
    std::lock_guard<std::mutex> lock(driver_lock());
    auto* leaks = std::getenv("SOFTGPU_LEAKS");
    if (leaks && std::strcmp(leaks, "1") == 0) report_living_contexts();
    auto* findings_path = std::getenv("SOFTGPU_REPORT");
    if (findings_path) {
        std::string lines;
        take_findings(lines);
        append_to(findings_path, lines);
    }
    std::string lines;
    for (auto& [name, counters] : state().counters) lines += json(name, counters) + "\n";
    append_to(std::getenv("SOFTGPU_COUNTERS"), lines);
}

// As many whole lines as fit.
void copy_lines(const std::string& lines, char* text, size_t bytes) {
    if (!text || !bytes) return;
    auto length = lines.size();
    if (length >= bytes) {
        auto newline = lines.rfind('\n', bytes - 2);
        length = newline == std::string::npos || bytes < 2 ? 0 : newline + 1;
    }
    std::memcpy(text, lines.data(), length);
    text[length] = 0;
}

}  // namespace

namespace softgpu {

void report_at_exit() { std::atexit(at_exit); }

}  // namespace softgpu

// By the environment's names (settings.h). 1: set; 0: unknown name or bad value.
SOFTGPU_API int softgpuConfigure(const char* name, const char* value) {
    std::lock_guard<std::mutex> lock(driver_lock());
    if (!name || !value || !configure(name, value)) return 0;
    if (std::strstr(name, "SEED")) reseed();
    return 1;
}

// How many findings there were; they are handed over and forgotten.
SOFTGPU_API long softgpuTakeFindings(char* text, size_t bytes) {
    std::lock_guard<std::mutex> lock(driver_lock());
    std::string lines;
    auto count = take_findings(lines);
    copy_lines(lines, text, bytes);
    return count;
}

// A JSON array with an object per kernel. The bytes that it needs with its end; if the buffer is smaller, nothing is written or forgotten.
SOFTGPU_API long softgpuTakeCounters(char* text, size_t bytes) {
    std::lock_guard<std::mutex> lock(driver_lock());
    std::string array = "[";
    for (auto& [name, counters] : state().counters) array += (array.size() > 1 ? "," : "") + json(name, counters);
    array += "]";
    if (text && bytes > array.size()) {
        std::memcpy(text, array.c_str(), array.size() + 1);
        state().counters.clear();
    }
    return long(array.size() + 1);
}

// The call of the entry point (exact name) that comes after `skip` others answers this result, and does nothing.
SOFTGPU_API void softgpuFailNext(const char* function, int result, int skip) {
    std::lock_guard<std::mutex> lock(driver_lock());
    fail_next(function, result, skip);
}
