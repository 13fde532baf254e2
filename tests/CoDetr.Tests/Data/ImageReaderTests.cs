using System.Buffers.Binary;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class ImageReaderTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "data", "robustness");

    [Theory]
    [InlineData("jpg_444.jpg")]
    [InlineData("png_filter0.png")]
    [InlineData("other.bmp")]
    public void AHugeHeaderCostsNoMemory(string source)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = File.ReadAllBytes(Path.Combine(Folder, source));
        ClaimSize(bytes, 50_000);
        File.WriteAllBytes(folder["huge"], bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        DataException e = Assert.Throws<DataException>(() => ImageReader.Read(folder["huge"]));
        Assert.Equal($"{folder["huge"]}: 50000 x 50000 pixels are more than the 128 million that are read; scale the image down.", e.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void ReadsTheSizeAlone()
    {
        Assert.Equal((72, 54), ImageReader.ReadSize(Path.Combine(Folder, "jpg_exif_6.jpg")));
        Assert.Equal((54, 72), ImageReader.ReadSize(Path.Combine(Folder, "jpg_exif_3.jpg")));
        Assert.Equal((28, 37), ImageReader.ReadSize(Path.Combine(Folder, "png_grey16.png")));
    }

    [Fact]
    public void BmpHasTheColorsOfTheFile()
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(Folder, "other.bmp"));
        ImageU8 image = ImageReader.Read(Path.Combine(Folder, "other.bmp"));
        Assert.Equal(24, bytes[28]); // bits a pixel: blue green red, last row first
        int start = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(10)), rowBytes = (3 * image.Width + 3) / 4 * 4;
        for (int y = 0; y < image.Height; y++)
            for (int x = 0; x < image.Width; x++)
            {
                int at = start + (image.Height - 1 - y) * rowBytes + 3 * x;
                Assert.Equal((bytes[at + 2], bytes[at + 1], bytes[at]), (image.Row(y)[3 * x], image.Row(y)[3 * x + 1], image.Row(y)[3 * x + 2]));
            }
    }

    [Fact]
    public void RefusesWhatIsNotThere()
    {
        Assert.EndsWith("this image file does not exist.", Assert.Throws<DataException>(() => ImageReader.Read(Path.Combine(Folder, "none.jpg"))).Message);
        Assert.Contains("cannot be read", Assert.Throws<DataException>(() => ImageReader.Read(Folder)).Message);
    }

    private static void ClaimSize(byte[] bytes, int size)
    {
        if (bytes[0] == 0xFF)
        {
            int frame = bytes.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xC0]);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 5), (ushort)size);
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(frame + 7), (ushort)size);
        }
        else if (bytes[0] == (byte)'B')
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(18), size);
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(22), size);
        }
        else
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), size);
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(20), size);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(29), Crc(bytes.AsSpan(12, 17)));
        }
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int k = 0; k < 8; k++)
                crc = (crc & 1) != 0 ? 0xEDB88320 ^ (crc >> 1) : crc >> 1;
        }
        return ~crc;
    }
}
