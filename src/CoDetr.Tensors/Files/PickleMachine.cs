using System.Numerics;

namespace CoDetr.Tensors;

/// <summary>What a pickle's names stand for.</summary>
internal interface IPickleNames
{
    /// <summary>What a pickle may call or mention; throws for every name that it may not.</summary>
    object Find(string module, string name);

    /// <summary>The value that a "call" of something found stands for. Nothing of the file's is ever run.</summary>
    object? Apply(object? found, PickleList arguments);

    /// <summary>What lies outside the pickle: a storage.</summary>
    object Outside(object? id);
}

/// <summary>
/// Reads pickles: a stack, a memo, and of the operations those that describe data, as protocols 2 to 5 write them. Values are built, nothing is constructed
/// or called; every other operation is an error. Source: the format's description in Python's <c>pickletools</c>.
/// </summary>
internal sealed class PickleMachine(PickleReader reader, IPickleNames names)
{
    private const int MaxStack = 1_000_000;
    private const int MaxIntegerBytes = 255;
    private const byte NewestProtocol = 5;

    private readonly List<object?> stack = [];
    private readonly List<int> marks = []; // heights of the stack
    private readonly List<object?> memo = [];

    private enum Op : byte
    {
        Mark = (byte)'(',
        EmptyTuple = (byte)')',
        Stop = (byte)'.',
        BinFloat = (byte)'G',
        BinInt = (byte)'J',
        BinInt1 = (byte)'K',
        BinInt2 = (byte)'M',
        None = (byte)'N',
        BinPersistentId = (byte)'Q',
        Reduce = (byte)'R',
        BinString = (byte)'T',
        ShortBinString = (byte)'U',
        BinUnicode = (byte)'X',
        EmptyList = (byte)']',
        Append = (byte)'a',
        Build = (byte)'b',
        Global = (byte)'c',
        Appends = (byte)'e',
        BinGet = (byte)'h',
        LongBinGet = (byte)'j',
        BinPut = (byte)'q',
        LongBinPut = (byte)'r',
        SetItem = (byte)'s',
        Tuple = (byte)'t',
        SetItems = (byte)'u',
        EmptyDictionary = (byte)'}',
        BinBytes = (byte)'B',
        ShortBinBytes = (byte)'C',
        Protocol = 0x80,
        Tuple1 = 0x85,
        Tuple2 = 0x86,
        Tuple3 = 0x87,
        True = 0x88,
        False = 0x89,
        Long1 = 0x8A,
        Long4 = 0x8B,
        ShortBinUnicode = 0x8C,
        BinUnicode8 = 0x8D,
        BinBytes8 = 0x8E,
        StackGlobal = 0x93,
        Memoize = 0x94,
        Frame = 0x95,
        ByteArray8 = 0x96,
    }

    /// <summary>Reads one pickle, from where the reader stands to its end.</summary>
    /// <exception cref="InvalidDataException">What is wrong with it.</exception>
    internal object? Run()
    {
        stack.Clear();
        marks.Clear();
        memo.Clear();
        reader.BeginPickle();
        while (true)
        {
            Op op = (Op)reader.Byte();
            if (op == Op.Stop)
            {
                return stack.Count == 1 && marks.Count == 0 ? stack[0] : throw new InvalidDataException("its pickle does not end with one value");
            }

            if (!IsNumber(op) && !IsText(op) && !IsContainer(op) && !IsFilling(op) && !IsMemory(op) && !IsName(op))
            {
                throw new InvalidDataException($"its pickle has the operation 0x{(byte)op:X2}, which no weights file needs");
            }
        }
    }

    private bool IsNumber(Op op)
    {
        switch (op)
        {
            case Op.None:
                return Push(null);
            case Op.True or Op.False:
                return Push(op == Op.True);
            case Op.BinInt:
                return Push((long)reader.Int32());
            case Op.BinInt1:
                return Push((long)reader.Byte());
            case Op.BinInt2:
                return Push((long)reader.UInt16());
            case Op.Long1:
                return Push(Integer(reader.Byte()));
            case Op.Long4:
                return Push(Integer(reader.UInt32()));
            case Op.BinFloat:
                return Push(reader.Double());
            default:
                return false;
        }
    }

    private bool IsText(Op op)
    {
        switch (op)
        {
            case Op.ShortBinUnicode or Op.ShortBinString:
                return Push(reader.Text(reader.Byte()));
            case Op.BinUnicode or Op.BinString:
                return Push(reader.Text(reader.UInt32()));
            case Op.BinUnicode8:
                return Push(reader.Text(reader.UInt64()));
            case Op.ShortBinBytes:
                return Push(reader.Bytes(reader.Byte()));
            case Op.BinBytes:
                return Push(reader.Bytes(reader.UInt32()));
            case Op.BinBytes8 or Op.ByteArray8:
                return Push(reader.Bytes(reader.UInt64()));
            default:
                return false;
        }
    }

    private bool IsContainer(Op op)
    {
        switch (op)
        {
            case Op.Mark:
                marks.Add(marks.Count < MaxStack ? stack.Count : throw TooMany());
                return true;
            case Op.EmptyList:
                return Push(new PickleList());
            case Op.EmptyDictionary:
                return Push(new PickleMap());
            case Op.EmptyTuple:
                return Push(new PickleList(isTuple: true));
            case Op.Tuple1 or Op.Tuple2 or Op.Tuple3:
                Require(op - Op.Tuple1 + 1);
                return PushTuple(stack.Count - (op - Op.Tuple1 + 1));
            case Op.Tuple:
                return PushTuple(PopMark());
            default:
                return false;
        }
    }

    /// <summary>Operations that put the values on top of the stack into the container below them.</summary>
    private bool IsFilling(Op op)
    {
        int first;
        switch (op)
        {
            case Op.Append or Op.Appends:
                first = op == Op.Append ? Below(1) : PopMark();
                Top<PickleList>(first, "a list").AddRange(stack, first);
                break;
            case Op.SetItem or Op.SetItems:
                first = op == Op.SetItem ? Below(2) : PopMark();
                PickleMap dictionary = Top<PickleMap>(first, "a dictionary");
                for (int i = first; i < stack.Count; i += 2)
                {
                    dictionary.Set(stack[i], i + 1 < stack.Count ? stack[i + 1] : throw new InvalidDataException("its pickle has a key without a value"));
                }

                break;
            case Op.Build: // attributes of a dictionary, of no use here
                first = Below(1);
                Top<PickleMap>(first, "attributes");
                if (stack[first] is not (PickleMap or null))
                {
                    throw new InvalidDataException("its pickle gives attributes that are no dictionary");
                }

                break;
            default:
                return false;
        }

        stack.RemoveRange(first, stack.Count - first);
        return true;
    }

    private bool IsMemory(Op op)
    {
        switch (op)
        {
            case Op.BinPut:
                return Remember(reader.Byte());
            case Op.LongBinPut:
                return Remember(reader.UInt32());
            case Op.Memoize:
                return Remember((uint)memo.Count);
            case Op.BinGet:
                return Push(Remembered(reader.Byte()));
            case Op.LongBinGet:
                return Push(Remembered(reader.UInt32()));
            case Op.Protocol:
                byte version = reader.Byte();
                return version <= NewestProtocol
                    ? true
                    : throw new InvalidDataException($"its pickle has protocol {version}; {NewestProtocol} is the newest known");
            case Op.Frame: // a hint for buffering
                reader.UInt64();
                return true;
            default:
                return false;
        }
    }

    private bool IsName(Op op)
    {
        switch (op)
        {
            case Op.Global:
                string module = reader.Line();
                return Push(names.Find(module, reader.Line()));
            case Op.StackGlobal:
                object? name = Pop(), from = Pop();
                return Push(from is string a && name is string b ? names.Find(a, b) : throw new InvalidDataException("its pickle has a name that is no text"));
            case Op.Reduce:
                PickleList arguments = Pop() as PickleList ?? throw new InvalidDataException("its pickle applies something to what is no tuple");
                return Push(names.Apply(Pop(), arguments));
            case Op.BinPersistentId:
                return Push(names.Outside(Pop()));
            default:
                return false;
        }
    }

    private object Integer(uint length)
    {
        if (length > MaxIntegerBytes)
        {
            throw new InvalidDataException($"its pickle has an integer of {length} bytes");
        }

        BigInteger value = new(reader.Bytes(length));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    private bool PushTuple(int first)
    {
        PickleList tuple = new(isTuple: true);
        tuple.AddRange(stack, first);
        stack.RemoveRange(first, stack.Count - first);
        return Push(tuple);
    }

    private bool Push(object? value)
    {
        stack.Add(stack.Count < MaxStack ? value : throw TooMany());
        return true;
    }

    private object? Pop()
    {
        Require(1);
        object? value = stack[^1];
        stack.RemoveAt(stack.Count - 1);
        return value;
    }

    private int PopMark()
    {
        int height = marks.Count > 0 ? marks[^1] : throw new InvalidDataException("its pickle ends a run of values that never began");
        marks.RemoveAt(marks.Count - 1);
        return height;
    }

    private int Below(int count)
    {
        Require(count);
        return stack.Count - count;
    }

    /// <summary>So many values must lie on the stack, above the last mark.</summary>
    private void Require(int count)
    {
        if (stack.Count - (marks.Count > 0 ? marks[^1] : 0) < count)
        {
            throw new InvalidDataException("its pickle takes values that are not there");
        }
    }

    private T Top<T>(int first, string what)
        where T : PickleContainer =>
        first > (marks.Count > 0 ? marks[^1] : 0) && stack[first - 1] is T container and not PickleList { IsTuple: true }
            ? container
            : throw new InvalidDataException($"its pickle gives {what} to a value that takes none");

    /// <summary>Files number what they remember one after another, so a place beyond the bytes read so far is a lie.</summary>
    private bool Remember(uint place)
    {
        Require(1);
        if (place > reader.Done)
        {
            throw new InvalidDataException($"its pickle remembers a value under the number {place}");
        }

        while (memo.Count <= place)
        {
            memo.Add(DBNull.Value);
        }

        memo[(int)place] = stack[^1];
        return true;
    }

    private object? Remembered(uint place) =>
        place < memo.Count && memo[(int)place] is not DBNull
            ? memo[(int)place]
            : throw new InvalidDataException("its pickle recalls a value that it never gave");

    private static InvalidDataException TooMany() => new($"its pickle holds more than {MaxStack} values at once");
}
