using CoDetr.Bench;

const string Usage = """
    CoDetr.Bench [--filter GLOB …]             BenchmarkDotNet; its own options work
    CoDetr.Bench --tiny [--filter GLOB …]      the same, each once at a tiny size
    CoDetr.Bench --smoke                       every benchmark once at a tiny size, every peer's result compared with ours
    CoDetr.Bench compare [NAME …] [--rounds N] [--seconds S]
                                               side by side with ONNX Runtime and others; writes bench/results/MACHINE/compare.md
    CoDetr.Bench steps [--rounds N]            a training step of Co-Deformable-DETR R50 with 0 to 6 auxiliary heads; writes bench/results/MACHINE/steps.md
    CoDetr.Bench compile [TYPE …]              how long the kernels take to compile for this GPU, in every type
    CoDetr.Bench traffic [NAME …] [--check]    what every kernel moves, counted on the soft GPU; writes docs/gpu/soft.md, or compares with it
    """;

switch (args)
{
    case ["--usage"]:
        Console.WriteLine(Usage);
        return 0;
    case ["--smoke"]:
        return Smoke.Run();
    case ["compare", .. string[] options]:
        return Contest.Run(options);
    case ["traffic", .. string[] options]:
        return TrafficCount.Run(options);
    case ["steps", .. string[] options]:
        return StepCost.Run(options);
    case ["compile", .. string[] types]:
        return CompileTime.Run(types);
    case ["peer", string bench, string side, string file]:
        return Child.Serve(bench, side, file);
    case ["--tiny", .. string[] options]:
        Settings.Smoke = true;
        return Benchmarks.Run(options);
    default:
        return Benchmarks.Run(args);
}
