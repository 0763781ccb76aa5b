Console.WriteLine("Dpo.Autodiff");
