namespace CoDetr.Tensors;

/// <summary>An attribute's value: an integer, a number, a text or a list of integers. Written as a plain C# value: <c>("axis", -1)</c>.</summary>
public readonly struct OnnxAttributeValue
{
    // AttributeProto: the fields of the values, and the numbers of its type field.
    private const int NameField = 1, FloatField = 2, IntField = 3, TextField = 4, IntsField = 8, TypeField = 20;
    private const int FloatType = 1, IntType = 2, TextType = 3, IntsType = 7;

    private readonly object value;

    private OnnxAttributeValue(object value) => this.value = value;

    /// <summary>An integer.</summary>
    public static implicit operator OnnxAttributeValue(long value) => new(value);

    /// <summary>A number.</summary>
    public static implicit operator OnnxAttributeValue(float value) => new(value);

    /// <summary>A text.</summary>
    public static implicit operator OnnxAttributeValue(string value) => new(value);

    /// <summary>A list of integers.</summary>
    public static implicit operator OnnxAttributeValue(int[] value) => new(value);

    internal OnnxMessage ToMessage(string name)
    {
        OnnxMessage message = new OnnxMessage().Text(NameField, name);
        switch (value)
        {
            case long integer:
                return message.Integer(IntField, integer).Integer(TypeField, IntType);
            case float number:
                return message.Float(FloatField, number).Integer(TypeField, FloatType);
            case string text:
                return message.Text(TextField, text).Integer(TypeField, TextType);
            case int[] list:
                foreach (int entry in list)
                {
                    message.Integer(IntsField, entry);
                }

                return message.Integer(TypeField, IntsType);
            default:
                throw new InvalidOperationException($"Attribute {name} has no value.");
        }
    }
}
