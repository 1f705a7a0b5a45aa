import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;
import com.dynatrace.hash4j.hashing.HashStream64;
import com.dynatrace.hash4j.hashing.Hashing;

/**
 * Parts of Apache Kafka's group coordinator, asked by lines of JSON: its assignors, its patterns and its topic hash.
 */
public class GroupCoordinatorParts {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            JsonNode question = JSON.readTree(line);
            String what = question.get("ask").asText();
            Object answer = switch (what) {
                case "assign" -> assign(question);
                case "match" -> match(question);
                default -> hash(question);
            };
            System.out.println(JSON.writeValueAsString(answer));
        }
    }

    private static Uuid id(String hex) {
        return new Uuid(Long.parseUnsignedLong(hex.substring(0, 16), 16), Long.parseUnsignedLong(hex.substring(16), 16));
    }

    private static String hex(Uuid id) {
        return String.format("%016x%016x", id.getMostSignificantBits(), id.getLeastSignificantBits());
    }

    private static Object assign(JsonNode question) {
        Map<Uuid, Integer> partitions = new HashMap<>();
        question.get("topics").fields().forEachRemaining(each -> partitions.put(id(each.getKey()), each.getValue().asInt()));
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new HashMap<>();
        Map<Uuid, Map<Integer, String>> inverted = new HashMap<>();
        question.get("members").forEach(member -> {
            String memberId = member.get("id").asText();
            Set<Uuid> topics = new LinkedHashSet<>();
            member.get("topics").forEach(topic -> topics.add(id(topic.asText())));
            Map<Uuid, Set<Integer>> assigned = new HashMap<>();
            member.get("assigned").fields().forEachRemaining(each -> {
                List<Integer> list = new ArrayList<>();
                each.getValue().forEach(partition -> {
                    list.add(partition.asInt());
                    inverted.computeIfAbsent(id(each.getKey()), __ -> new HashMap<>()).put(partition.asInt(), memberId);
                });
                assigned.put(id(each.getKey()), new HashSet<>(list));
            });
            Optional<String> instance = Optional.ofNullable(member.get("instance").textValue());
            members.put(memberId, new MemberSubscriptionAndAssignmentImpl(
                Optional.empty(), instance, topics, new Assignment(Collections.unmodifiableMap(assigned))));
        });
        ConsumerGroupPartitionAssignor assignor =
            question.get("assignor").asText().equals("range") ? new RangeAssignor() : new UniformAssignor();
        SubscribedTopicDescriber describer = new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topic) {
                return partitions.getOrDefault(topic, -1);
            }

            @Override
            public Set<String> racksForPartition(Uuid topic, int partition) {
                return Set.of();
            }
        };
        GroupAssignment found = assignor.assign(
            new GroupSpecImpl(
                members,
                question.get("alike").asBoolean() ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS,
                inverted),
            describer);
        Map<String, Map<String, List<Integer>>> answer = new TreeMap<>();
        found.members().forEach((memberId, member) -> {
            Map<String, List<Integer>> mine = answer.computeIfAbsent(memberId, __ -> new TreeMap<>());
            member.partitions().forEach((topic, set) -> {
                if (!set.isEmpty()) {
                    mine.put(hex(topic), set.stream().sorted().toList());
                }
            });
        });
        return answer;
    }

    private static Object match(JsonNode question) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(question.get("pattern").asText());
        } catch (PatternSyntaxException error) {
            return null;
        }
        List<Boolean> answer = new ArrayList<>();
        question.get("names").forEach(name -> answer.add(pattern.matcher(name.asText()).matches()));
        return answer;
    }

    private static Object hash(JsonNode question) {
        TreeMap<String, Long> hashes = new TreeMap<>();
        question.get("topics").forEach(topic -> {
            Uuid topicId = id(topic.get("id").asText());
            String name = topic.get("name").asText();
            HashStream64 stream = Hashing.xxh3_64().hashStream();
            stream.putByte((byte) 0)
                .putLong(topicId.getMostSignificantBits())
                .putLong(topicId.getLeastSignificantBits())
                .putString(name)
                .putInt(topic.get("partitions").asInt());
            for (int partition = 0; partition < topic.get("partitions").asInt(); partition++) {
                stream.putInt(partition);
            }
            hashes.put(name, stream.getAsLong());
        });
        HashStream64 group = Hashing.xxh3_64().hashStream();
        hashes.values().forEach(group::putLong);
        return hashes.isEmpty() ? 0 : group.getAsLong();
    }
}
