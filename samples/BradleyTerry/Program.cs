using BradleyTerry;
using Dpo.Autodiff.Native;

NativeLibraries.Load();
return CommandLine.Root().Parse(args).Invoke();
