// The kernel texts, compiled by NVRTC for each storage type and architecture: all of their PTX must parse.
#include <dlfcn.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../settings.h"
#include "testing.h"

namespace softgpu::testing {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

struct Compiler {
    int (*create)(void**, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
    int (*compile)(void*, int, const char* const*) = nullptr;
    int (*size)(void*, size_t*) = nullptr;
    int (*text)(void*, char*) = nullptr;
    int (*destroy)(void**) = nullptr;

    bool load() {
        void* library = nullptr;
        for (const char* name : {"libnvrtc.so.11.2", "libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so"}) {
            if (!library) library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
        }
        if (!library) return false;
        const auto get = [&](auto& function, const char* name) {
            function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
            return function != nullptr;
        };
        return get(create, "nvrtcCreateProgram") && get(compile, "nvrtcCompileProgram") && get(size, "nvrtcGetPTXSize") &&
               get(text, "nvrtcGetPTX") && get(destroy, "nvrtcDestroyProgram");
    }
};

}  // namespace

bool parse_kernels(const char* folder) {
    Compiler compiler;
    if (!compiler.load()) {
        std::printf("NVRTC is not installed: nothing was compiled\n");
        return false;
    }
    std::vector<std::string> names, texts, sources;
    for (const auto& each : fs::recursive_directory_iterator(folder)) {
        const std::string name = fs::relative(each.path(), folder).string();
        if (each.path().extension() == ".cu") sources.push_back(name);
        if (each.path().extension() != ".h" || name.compare(0, 4, "cpu/") == 0) continue;
        names.push_back(name);
        texts.push_back(read(each.path()));
    }
    std::vector<const char*> header_names, headers;
    for (const auto& each : names) header_names.push_back(each.c_str());
    for (const auto& each : texts) headers.push_back(each.c_str());
    const std::vector<std::vector<const char*>> types = {{}, {"-DREAL=double", "-DREAL_IS_DOUBLE"}, {"-DREAL=f16"}, {"-DREAL=bf16"}};
    settings().capability = 90;
    double seconds = 0;
    for (const std::string& source : sources) {
        const std::string body = read(fs::path(folder) / source);
        for (const char* architecture :
             {"--gpu-architecture=compute_75", "--gpu-architecture=compute_80", "--gpu-architecture=compute_90"}) {
            for (const auto& type : types) {
                std::vector<const char*> options{architecture, "--std=c++17", "-default-device", "-lineinfo"};
                options.insert(options.end(), type.begin(), type.end());
                void* program = nullptr;
                size_t size = 0;
                compiler.create(&program, body.c_str(), source.c_str(), static_cast<int>(headers.size()), headers.data(),
                                header_names.data());
                const bool compiled =
                    compiler.compile(program, static_cast<int>(options.size()), options.data()) == 0 && compiler.size(program, &size) == 0;
                std::string ptx(size, '\0'), error;
                if (compiled) compiler.text(program, ptx.data());
                compiler.destroy(&program);
                const auto begin = std::chrono::steady_clock::now();
                expect(compiled && parse(ptx, error), source + " " + architecture + (type.empty() ? "" : std::string(" ") + type[0]) +
                                                          ": " + (compiled ? error : "does not compile"));
                seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            }
        }
    }
    std::printf("%zu texts, parsed in %.2f s\n", sources.size() * 3 * types.size(), seconds);
    return summary() == 0;
}

}  // namespace softgpu::testing
