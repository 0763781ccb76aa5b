using static TorchSharp.torch;

namespace Align.Model;

/// <summary>Where the tokens of a batch are, as every block needs it.</summary>
/// <param name="Cosines">Of the rotary embedding: [token width] where all rows begin at 0, else [row 1 token width].</param>
/// <param name="Sines">As the cosines, with the sign of <see cref="Rotary"/>.</param>
/// <param name="Visible">[row 1 token key]: which keys each token sees; null for the causal triangle of whole sequences.</param>
/// <param name="Places">[row 1 token 1]: the place of each token in the cache; null without one.</param>
/// <param name="Keys">How many keys the cache has after these tokens.</param>
internal readonly record struct Positions(Tensor Cosines, Tensor Sines, Tensor? Visible = null, Tensor? Places = null, int Keys = 0);
