using BradleyTerry;

return CommandLine.Root().Parse(args).Invoke();
