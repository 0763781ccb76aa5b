using Align.Commands;

return await CommandLine.Root().Parse(args).InvokeAsync(CommandLine.Invocation);
