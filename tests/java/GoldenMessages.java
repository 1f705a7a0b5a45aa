import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * What Apache Kafka's generated message classes write: for each class named on standard input, and each of its
 * versions, one line of JSON with the bytes and the fields, of three instances: all defaults, every
 * field filled with some value of its own, and filled with nulls where they are allowed.
 */
public class GoldenMessages {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final byte[] RECORDS = "these bytes stand for a record batch".getBytes();
    private final short version;
    private final boolean nulls;
    private int serial = 0;

    GoldenMessages(short version, boolean nulls) {
        this.version = version;
        this.nulls = nulls;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader names = new BufferedReader(new InputStreamReader(System.in));
        for (String name; (name = names.readLine()) != null; ) {
            Class<?> type = Class.forName(name);
            short low = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
            short high = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
            for (short v = low; v <= high; v++) {
                write(type, v, "default", type.getConstructor().newInstance());
                write(type, v, "filled", new GoldenMessages(v, false).fill(type));
                write(type, v, "nulls", new GoldenMessages(v, true).fill(type));
            }
        }
    }

    private static void write(Class<?> type, short version, String kind, Object message) throws Exception {
        ByteBuffer bytes = MessageUtil.toByteBufferAccessor((Message) message, version).buffer();
        byte[] raw = new byte[bytes.remaining()];
        bytes.get(raw);
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        Method write = converter.getMethod("write", type, short.class);
        ObjectNode line = JSON.createObjectNode();
        line.put("message", type.getSimpleName());
        line.put("version", version);
        line.put("kind", kind);
        line.put("hex", HexFormat.of().formatHex(raw));
        line.set("json", (JsonNode) write.invoke(null, message, version));
        System.out.println(JSON.writeValueAsString(line));
    }

    /** An instance with a value of its own in every field that this version has. */
    private Object fill(Class<?> type) throws Exception {
        Object made = type.getConstructor().newInstance();
        Map<String, Field> fields = new HashMap<>();
        for (Field field : type.getDeclaredFields()) {
            field.setAccessible(true);
            fields.put(field.getName().toLowerCase(), field);
        }
        Schema schema = ((Schema[]) type.getField("SCHEMAS").get(null))[version];
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                for (var field : tagged.fields().values()) {
                    set(made, fields, field.name, field.type);
                }
            } else {
                set(made, fields, bound.def.name, bound.def.type);
            }
        }
        return made;
    }

    private void set(
            Object made, Map<String, Field> fields, String name, org.apache.kafka.common.protocol.types.Type wire)
            throws Exception {
        Field field = fields.get(name.replace("_", "").toLowerCase());
        boolean isNull = nulls && wire.isNullable() && !field.getType().isPrimitive();
        field.set(made, isNull ? null : value(field.getType(), field.getGenericType(), wire.toString()));
    }

    private Object value(Class<?> type, Type generic, String wire) throws Exception {
        int n = ++serial;
        if (type == boolean.class || type == Boolean.class) return true;
        if (type == byte.class || type == Byte.class) return (byte) (n % 2 == 0 ? -n : n);
        if (type == short.class || type == Short.class) return (short) (n % 2 == 0 ? -300 - n : 300 + n);
        if (type == int.class || type == Integer.class) {
            if (wire.equals("UINT16")) return 40_000 + n;
            return n % 2 == 0 ? -70_000 - n : 70_000 + n;
        }
        if (type == long.class || type == Long.class) {
            if (wire.equals("UINT32")) return 3_000_000_000L + n;
            return n % 2 == 0 ? -5_000_000_000L - n : 5_000_000_000L + n;
        }
        if (type == double.class || type == Double.class) return n + 0.25;
        if (type == String.class) return (n % 3 == 0 ? "naïve-\u4e16-" : "text-") + n;
        if (type == Uuid.class) return new Uuid(0x0123456789abcdefL + n, -n);
        if (type == byte[].class) return new byte[] {(byte) n, 0, -1};
        if (type == ByteBuffer.class) return ByteBuffer.wrap(new byte[] {(byte) n, 1, -1});
        if (BaseRecords.class.isAssignableFrom(type)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(RECORDS));
        }
        if (Collection.class.isAssignableFrom(type)) {
            Type element = type == List.class
                ? ((ParameterizedType) generic).getActualTypeArguments()[0]
                : ((ParameterizedType) type.getGenericSuperclass()).getActualTypeArguments()[0];
            @SuppressWarnings("unchecked")
            Collection<Object> items = type == List.class
                ? new ArrayList<>() : (Collection<Object>) type.getConstructor().newInstance();
            Class<?> item = element instanceof ParameterizedType p ? (Class<?>) p.getRawType() : (Class<?>) element;
            for (int i = 0; i < 2; i++) {
                items.add(value(item, element, ""));
            }
            return items;
        }
        return fill(type);
    }
}
