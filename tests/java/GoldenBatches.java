import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;

/**
 * `write`: record batches as Apache Kafka builds them, a JSON line each with the bytes and what is in them.
 * `read`: the same description of batches given as lines of hex on standard input; fails on a wrong checksum.
 */
public class GoldenBatches {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long T = 1_700_000_000_000L;
    private static final Header[] NONE = new Header[0];

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("read")) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
            for (String hex; (hex = lines.readLine()) != null; ) {
                describe("", MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(hex))));
            }
            return;
        }
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            String name = type.name;
            batch(name + " one", codec, 0, b -> b.append(T, text("key"), text("value")));
            batch(name + " fifty", codec, 4711, b -> {
                for (int i = 0; i < 50; i++) b.append(T + i, text("key-" + i % 7), text("value of record " + i));
            });
            batch(name + " large", codec, 1L << 40, b -> {
                for (int i = 0; i < 3; i++) b.append(T, text("k"), pattern(40_000 + i));
            });
            batch(name + " headers", codec, 0, b -> {
                b.append(T, null, text("first has none"), NONE);
                b.append(T, null, text("second"), new Header[] {header("a", text("1")), header("a", null)});
                b.append(T, text("k"), null, new Header[] {header("nañe-\u4e16", new byte[0])});
                b.append(T, (byte[]) null, null, NONE);
            });
        }
        Compression none = Compression.of(CompressionType.NONE).build();
        batch("nulls and empty", none, 7, b -> {
            b.append(T, (byte[]) null, null, NONE);
            b.append(T, new byte[0], null, NONE);
            b.append(T, null, new byte[0], NONE);
            b.append(T, new byte[0], new byte[0], NONE);
        });
        batch("time goes back", none, 0, b -> {
            for (long t : new long[] {T, T - 1, T - 64, T - 65, T - 8192, T - 8193, T - 100_000_000_000L, 0, T + 1}) {
                b.append(t, null, text("x"), NONE);
            }
        });
        batch("time far ahead", none, 0, b -> {
            for (long t : new long[] {0, 63, 64, 8191, 8192, 1 << 20, 1 << 21, 1L << 34, 1L << 41, 1L << 55}) {
                b.append(t, null, text("x"), NONE);
            }
        });
        batch("no time", none, 0, b -> b.append(-1, null, text("x"), NONE));
        batch("many", none, 0, b -> {
            for (int i = 0; i < 9000; i += 1) b.append(T, (byte[]) null, null, NONE);
        });
        batch("gaps", none, 100, b -> {
            for (long o : new long[] {100, 103, 164, 165, 9_000, 2_000_000}) {
                b.appendWithOffset(o, T, text("k"), text("v"), NONE);
            }
        });
        producer("idempotent", 12345, (short) 3, 2_147_483_640, false, 9);
        producer("transactional", Long.MAX_VALUE, (short) 32767, 0, true, -1);
        ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
        MemoryRecordsBuilder appended = MemoryRecords.builder(
            buffer, (byte) 2, none, TimestampType.LOG_APPEND_TIME, 5, T + 99);
        appended.append(T, text("k"), text("v"));
        appended.append(T + 1, text("k"), text("v"));
        describe("log append time", appended.build());
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.COMMIT, ControlRecordType.ABORT}) {
            describe("marker " + type.name().toLowerCase(), MemoryRecords.withEndTransactionMarker(
                77, T, 4, 2000, (short) 5, new EndTransactionMarker(type, 6)));
        }
    }

    private static void batch(String name, Compression codec, long offset, Consumer<MemoryRecordsBuilder> fill)
            throws Exception {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
        MemoryRecordsBuilder builder =
            MemoryRecords.builder(buffer, codec, TimestampType.CREATE_TIME, offset);
        fill.accept(builder);
        describe(name, builder.build());
    }

    private static void producer(String name, long id, short epoch, int sequence, boolean transactional, int leader)
            throws Exception {
        MemoryRecordsBuilder builder = MemoryRecords.builder(
            ByteBuffer.allocate(1 << 16), (byte) 2, Compression.of(CompressionType.NONE).build(),
            TimestampType.CREATE_TIME, 0, -1, id, epoch, sequence, transactional, leader);
        for (int i = 0; i < 10; i++) builder.append(T + i, text("k" + i), text("v" + i));
        describe(name, builder.build());
    }

    private static void describe(String name, MemoryRecords records) throws Exception {
        byte[] raw = new byte[records.sizeInBytes()];
        records.buffer().duplicate().get(raw);
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            ObjectNode line = JSON.createObjectNode();
            line.put("name", name);
            line.put("hex", HexFormat.of().formatHex(raw));
            line.put("base_offset", batch.baseOffset());
            line.put("last_offset", batch.lastOffset());
            line.put("partition_leader_epoch", batch.partitionLeaderEpoch());
            line.put("crc", batch.checksum());
            line.put("max_timestamp", batch.maxTimestamp());
            line.put("producer_id", batch.producerId());
            line.put("producer_epoch", batch.producerEpoch());
            line.put("base_sequence", batch.baseSequence());
            line.put("last_sequence", batch.lastSequence());
            line.put("count", batch.countOrNull());
            line.put("compression", batch.compressionType().id);
            line.put("is_transactional", batch.isTransactional());
            line.put("is_control", batch.isControlBatch());
            line.put("log_append_time", batch.timestampType() == TimestampType.LOG_APPEND_TIME);
            ArrayNode rows = line.putArray("records");
            for (Record record : batch) {
                ArrayNode row = rows.addArray();
                row.add(record.offset()).add(record.timestamp());
                row.add(hex(record.key())).add(hex(record.value()));
                ArrayNode headers = row.addArray();
                for (Header header : record.headers()) {
                    ByteBuffer value = header.value() == null ? null : ByteBuffer.wrap(header.value());
                    headers.addArray().add(header.key()).add(hex(value));
                }
            }
            System.out.println(JSON.writeValueAsString(line));
        }
    }

    private static String hex(ByteBuffer bytes) {
        if (bytes == null) return null;
        byte[] raw = new byte[bytes.remaining()];
        bytes.duplicate().get(raw);
        return HexFormat.of().formatHex(raw);
    }

    private static Header header(String name, byte[] value) {
        return new RecordHeader(name, value);
    }

    private static byte[] text(String text) {
        return text.getBytes();
    }

    /** Bytes that compress well, the same in every run. */
    private static byte[] pattern(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++) {
            bytes[i] = (byte) (i / 7 * 31);
        }
        return bytes;
    }
}
