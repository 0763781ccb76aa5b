namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>How the argument of one canonical name is made.</summary>
internal enum ArgumentRole
{
    /// <summary>Any value: a tensor, a number, null.</summary>
    Value,

    /// <summary>A whole number as Int64.</summary>
    Whole,

    /// <summary>A tuple of Int64: several parameters (<c>dim0, dim1</c>), an array or a single number.</summary>
    Wholes,

    /// <summary>A tuple of any values (an array of tensors, the indices in brackets).</summary>
    Values,

    /// <summary>Constant text.</summary>
    Text,
}

/// <summary>One argument of a canonical operation and the TorchSharp parameters that it may come from.</summary>
internal sealed record SpellingArgument(string Name, ArgumentRole Role, string[] Sources);

/// <summary>One canonical operation, the TorchSharp members that spell it and their parameters.</summary>
internal sealed record Spelling(string Operation, string[] Members, SpellingArgument[] Arguments);

/// <summary>
/// The one table from TorchSharp's spellings to canonical operations: every spelling of an operation (instance, static, functional,
/// operator, alias) reads into the same instruction, arguments under torch's own names.
/// </summary>
/// <remarks>
/// A row: the operation and after <c>=</c> the member names that spell it (its own where there is none), then its arguments.
/// <c>name:a,b</c> takes the TorchSharp parameters <c>name</c>, <c>a</c>, <c>b</c>; <c>name#</c> is a whole number; <c>name[]</c> a tuple
/// of whole numbers; <c>name{}</c> a tuple of anything; <c>name"</c> text. A row fits a member whose every parameter it names; rows are tried in order, so
/// that overloads of one name may be different operations (<c>max</c>). Arguments that are null are left out, defaults of TorchSharp
/// are filled in. The receiver of an instance member is <c>self</c>.
/// </remarks>
internal static class TorchSpellings
{
    /// <summary>Parameters that must keep their default: what they ask for has no meaning in a fused objective.</summary>
    public static readonly HashSet<string> Fixed = new(StringComparer.Ordinal)
    {
        "device", "requires_grad", "names", "out", "inplace", "disposeAfter", "sparse_grad", "rounding_mode", "output_size", "prepend", "append",
    };

    /// <summary>Parameters without influence on the value.</summary>
    public static readonly HashSet<string> Ignored = new(StringComparer.Ordinal) { "copy", "non_blocking", "isImplicit" };

    /// <summary>Members that are the identity on values.</summary>
    public static readonly HashSet<string> Identities = new(StringComparer.Ordinal) { "clone", "contiguous", "alias", "positive" };

    /// <summary>Conversions without arguments, with torch's name of the dtype.</summary>
    public static readonly Dictionary<string, string> Conversions = new(StringComparer.Ordinal)
    {
        ["float"] = "Float32",
        ["double"] = "Float64",
        ["half"] = "Float16",
        ["bfloat16"] = "BFloat16",
        ["int"] = "Int32",
        ["long"] = "Int64",
        ["bool"] = "Bool",
    };

    /// <summary>The fields of <c>torch</c> that name dtypes, with torch's name of them.</summary>
    public static readonly Dictionary<string, string> DTypes = new(StringComparer.Ordinal)
    {
        ["uint8"] = "Byte",
        ["int8"] = "Int8",
        ["int16"] = "Int16",
        ["int32"] = "Int32",
        ["int64"] = "Int64",
        ["float16"] = "Float16",
        ["half"] = "Float16",
        ["float32"] = "Float32",
        ["float64"] = "Float64",
        ["bfloat16"] = "BFloat16",
        ["double"] = "Float64",
        ["float"] = "Float32",
        ["long"] = "Int64",
        ["int"] = "Int32",
        ["bool"] = "Bool",
    };

    private const string Table = """
        neg=neg,negative            self:input
        abs=abs,absolute            self:input
        sign=sign,sgn               self:input
        exp                         self:input
        expm1                       self:input
        exp2                        self:input
        log                         self:input
        log1p                       self:input
        log2                        self:input
        log10                       self:input
        sqrt                        self:input
        rsqrt                       self:input
        square                      self:input
        pow                         self:left,input exponent
        reciprocal                  self:input
        sigmoid=sigmoid,expit       self:input,x
        logsigmoid=logsigmoid,log_sigmoid self:input,x
        softplus                    self:input,x beta threshold
        tanh                        self:input,x
        relu                        self:input,x
        silu                        self:input,x
        gelu                        self:input,x
        erf                         self:input
        erfc                        self:input
        sin                         self:input
        cos                         self:input
        floor                       self:input
        ceil                        self:input
        round                       self:input decimals#
        trunc                       self:input
        add                         self:left,input other:right,target,scalar alpha
        sub=sub,subtract            self:left,input other:right,target
        mul=mul,multiply            self:left,input other:right,target
        div=div,divide,true_divide  self:left,input,dividend other:right,target,divisor
        remainder                   self:left,input other:right,target,scalar
        lerp                        self:input end weight
        xlogy                       self:x,input other:y
        leaky_relu                  self:input negative_slope
        elu                         self:x alpha
        selu                        self:x
        softsign                    self:x
        relu6                       self:x
        mish                        self:x
        frac                        self:input
        logaddexp                   self:left other:right
        logit                       self:input eps
        addcmul                     self:input tensor1 tensor2 value
        addcdiv                     self:input tensor1 tensor2 value
        clamp=clamp,clip            self:input min max
        clamp_min                   self:input min
        clamp_max                   self:input max
        amax=max                    self:input
        amin=min                    self:input
        minimum=minimum,min         self:input other
        maximum=maximum,max         self:input other
        where                       condition self:x other:y
        masked_fill                 self:input mask value
        eq=eq,equal                 self:left,tensor other:right,target
        ne=ne,not_equal             self:left,tensor other:right,target
        lt=lt,less                  self:left,tensor other:right,target
        le=le,less_equal            self:left,tensor other:right,target
        gt=gt,greater               self:left,tensor other:right,target
        ge=ge,greater_equal         self:left,tensor other:right,target
        logical_and                 self:left,input other:right
        logical_or                  self:left,input other:right
        logical_xor                 self:left,input other:right
        logical_not                 self:input
        bitwise_and                 self:left,input other:right
        bitwise_or                  self:left,input other:right
        bitwise_xor                 self:left,input other:right
        bitwise_not                 self:input
        isnan                       self:input,tensor
        isinf                       self:input,tensor
        isfinite                    self:input,tensor
        nan_to_num                  self:input nan posinf neginf
        cross_entropy               self:input target weight ignore_index# reduction label_smoothing
        binary_cross_entropy_with_logits self:input target weight reduction pos_weight:pos_weights
        binary_cross_entropy        self:input target weight reduction
        hinge_embedding_loss        self:input target margin reduction
        cosine_embedding_loss       self:input1 other:input2 target margin reduction
        poisson_nll_loss            self:input target log_input full eps reduction
        triplet_margin_loss         self:anchor positive negative margin p eps swap reduction
        nll_loss                    self:input target weight reduction
        margin_ranking_loss         self:input1 other:input2 target margin reduction
        soft_margin_loss            self:input target reduction
        mse_loss                    self:input target reduction
        l1_loss                     self:input target reduction
        smooth_l1_loss              self:input target reduction beta
        kl_div                      self:input target log_target reduction
        huber_loss                  self:input target delta reduction
        from_number=tensor          value:scalar dtype
        zeros_like                  self:input dtype
        ones_like                   self:input dtype
        full_like                   self:input fill_value:value dtype
        zeros                       size[]:sizes,rows,columns,dim0,dim1,dim2,dim3 dtype
        ones                        size[]:sizes,rows,columns,dim0,dim1,dim2,dim3 dtype
        full                        size[]:sizes,rows,columns,dim0,dim1,dim2,dim3 fill_value:value dtype
        one_hot                     self:x num_classes
        arange                      start end:stop step dtype
        size                        self:input dim#
        shape=shape,size            self:input
        numel=numel,NumberOfElements self:input
        ndim=ndim,dim,Dimensions    self:input
        dtype                       self:input
        unsqueeze                   self:input dim#
        squeeze                     self:input dim#
        expand=expand,broadcast_to  self:input size[]:sizes,shape
        expand_as                   self:input other
        reshape                     self:input shape[]
        view                        self:input shape[]
        view_as=view_as,reshape_as  self:input other
        ravel                       self:input
        transpose=transpose,swapaxes,swapdims self:input dim0#:axis0 dim1#:axis1
        permute                     self:input dims[]:permutation
        movedim=movedim,moveaxis    self:input source[] destination[]
        t                           self:input
        T                           self:input
        mT                          self:input
        flatten                     self:input start_dim# end_dim#
        unflatten                   self:input dim# sizes[]
        trace                       self:input
        diagonal                    self:input offset# dim1# dim2#
        chunk                       self:input chunks# dim#
        split                       self:tensor size# dim#
        split_sizes=split           self:tensor sizes[]:split_size_or_sections dim#
        unbind                      self:input,tensor dim#:dimension
        repeat                      self:input sizes[]
        repeat_interleave           self:input repeats# dim#
        roll                        self:input shifts[] dims[]
        diff                        self:input n# dim#
        hstack                      tensors{}
        vstack=vstack,row_stack     tensors{}
        pad                         self:input pad[] mode value
        cat=cat,concat,concatenate  tensors{} dim#
        stack                       tensors{} dim#
        tril                        self:input diagonal#
        triu                        self:input diagonal#
        outer                       self:input vec2
        narrow                      self:input dim# start# length#
        select                      self:input dim# index#
        detach                      self:input
        to_type=to_type,to          self:input dtype:type
        type_as=type_as,to          self:input other:tensor
        sum                         self:input dim[]:dim0,dim1,dim2 keepdim dtype:type
        nansum                      self:input
        mean                        self:input dim[]:dimensions keepdim dtype:type
        nanmean                     self:input dim[] keepdim dtype
        amax                        self:input dim[]:dims keepdim
        amin                        self:input dim[]:dims keepdim
        max                         self:input dim# keepdim
        min                         self:input dim# keepdim
        logsumexp                   self:input dim[] keepdim
        norm                        self:input p
        norm                        self:input dim#:dimension keepdim p
        normalize                   self:input p dim# eps
        cosine_similarity           self:x1 other:x2 dim# eps
        pairwise_distance           self:input1 other:input2 p eps keepdim
        std_mean                    self:input dim[]:dimensions unbiased keepdim dtype:type
        var_mean                    self:input dim[]:dimensions unbiased keepdim dtype:type
        median                      self:input
        vecdot                      self:x other:y dim#
        var                         self:input dim[]:dimensions unbiased keepdim dtype:type
        std                         self:input dim[]:dimensions unbiased keepdim dtype:type
        any                         self:input dim[] keepdim
        all                         self:input dim[] keepdim
        count_nonzero               self:input dim[]:dims
        argmax                      self:input dim# keepdim
        argmin                      self:input dim# keepdim
        softmax                     self:input dim# dtype
        log_softmax                 self:input,x dim# dtype
        softmin                     self:x dim#
        gather                      self:input dim# index
        take_along_dim              self:input index:indices dim#
        index_select                self:input dim# index
        index                       self indices{}
        index_add                   self:input dim# index source alpha
        scatter_add                 self:input dim# index src
        cumsum                      self:input dim# dtype:type
        logcumsumexp                self:input dim#
        flip                        self:input dims[]
        fliplr                      self:input
        flipud                      self:input
        sort                        self:input dim# descending stable
        argsort                     self:input dim# descending
        msort                       self:input,tensor
        kthvalue                    self:input k# dim# keepdim
        topk                        self:input,tensor k# dim# largest sorted
        quantile                    self:input q dim# keepdim
        matmul                      self:input other:target
        mm                          self:input other:target
        mv                          self:input other:target
        bmm                         self:input other:batch2
        dot                         self:input other:target
        linear                      self:input weight:weights bias
        addmm                       self:input mat1 mat2 beta alpha
        addmv                       self:input mat1:mat mat2:vec beta alpha
        einsum                      equation" tensors{}
        """;

    /// <summary>The rows by member name, in the order of the table.</summary>
    private static readonly Dictionary<string, List<Spelling>> ByMember = Read();

    /// <summary>The rows that a member of this name may mean.</summary>
    public static IReadOnlyList<Spelling> Of(string member) =>
        ByMember.TryGetValue(member, out var rows) ? rows : Array.Empty<Spelling>();

    /// <summary>The row of <paramref name="member"/> that names every one of <paramref name="parameters"/>.</summary>
    public static Spelling? Find(string member, IReadOnlyCollection<string> parameters) =>
        Of(member).FirstOrDefault(row => parameters.All(p =>
            Fixed.Contains(p) || Ignored.Contains(p) || row.Arguments.Any(a => a.Sources.Contains(p, StringComparer.Ordinal))));

    private static Dictionary<string, List<Spelling>> Read()
    {
        var rows = new Dictionary<string, List<Spelling>>(StringComparer.Ordinal);
        foreach (var line in Table.Split('\n'))
        {
            var words = line.Split([' ', '\r'], StringSplitOptions.RemoveEmptyEntries);
            var head = words[0].Split('=');
            var members = head.Length == 1 ? head : head[1].Split(',');
            var spelling = new Spelling(head[0], members, words.Skip(1).Select(ReadArgument).ToArray());
            foreach (var member in members)
            {
                if (!rows.TryGetValue(member, out var list))
                    rows.Add(member, list = []);
                list.Add(spelling);
            }
        }

        return rows;
    }

    private static SpellingArgument ReadArgument(string word)
    {
        var parts = word.Split(':');
        var (name, role) = parts[0] switch
        {
            var n when n.EndsWith("[]", StringComparison.Ordinal) => (n.Substring(0, n.Length - 2), ArgumentRole.Wholes),
            var n when n.EndsWith("{}", StringComparison.Ordinal) => (n.Substring(0, n.Length - 2), ArgumentRole.Values),
            var n when n.EndsWith("\"", StringComparison.Ordinal) => (n.Substring(0, n.Length - 1), ArgumentRole.Text),
            var n when n.EndsWith("#", StringComparison.Ordinal) => (n.Substring(0, n.Length - 1), ArgumentRole.Whole),
            var n => (n, ArgumentRole.Value),
        };
        string[] sources = parts.Length == 1 ? [name] : [name, .. parts[1].Split(',')];
        return new SpellingArgument(name, role, sources);
    }
}
