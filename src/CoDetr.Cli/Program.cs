using CoDetr.Cli;

return CommandLine.Run(args, Terminal.OfProcess());
