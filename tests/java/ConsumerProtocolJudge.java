import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Judges a broker's consumer group protocol (KIP-848) with Kafka's own consumer: prints "name ok" or "name FAILED why".
 *
 * Argument: the bootstrap address. Heartbeats should be frequent.
 */
public class ConsumerProtocolJudge {
    private static final long TIMEOUT_MS = 60_000;
    private static final Duration STEP = Duration.ofMillis(20);
    private final String bootstrap;
    private final Admin admin;
    private int names = 0;

    private interface Check {
        void run() throws Exception;
    }

    private ConsumerProtocolJudge(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] arguments) {
        ConsumerProtocolJudge judge = new ConsumerProtocolJudge(arguments[0]);
        Map<String, Check> checks = new TreeMap<>();
        checks.put("share_and_take_over", judge::shareAndTakeOver);
        checks.put("static_member", judge::staticMember);
        checks.put("pattern", judge::pattern);
        checks.put("range_assignor", judge::rangeAssignor);
        checks.put("more_partitions", judge::morePartitions);
        checks.put("transactional_offsets", judge::transactionalOffsets);
        checks.put("group_settings", judge::groupSettings);
        checks.put("roll_CooperativeSticky", () -> judge.roll("CooperativeSticky"));
        checks.put("roll_Range", () -> judge.roll("Range"));
        checks.forEach((name, check) -> {
            try {
                check.run();
                System.out.println(name + " ok");
            } catch (Throwable error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                StringBuilder where = new StringBuilder();
                for (StackTraceElement element : error.getStackTrace()) {
                    if (element.getClassName().startsWith("ConsumerProtocolJudge")) {
                        where.append(" ").append(element.getLineNumber());
                    }
                }
                System.out.println(name + " FAILED " + cause + " at" + where);
            }
        });
        judge.admin.close(Duration.ZERO);
        System.exit(0);
    }

    /** Consumers of one group, polled in turn, and the values that each partition gave. */
    private final class Group implements AutoCloseable {
        final String name = "group-" + ++names;
        final String topic;
        final List<KafkaConsumer<String, String>> members = new ArrayList<>();
        final Map<TopicPartition, List<Long>> read = new HashMap<>();
        private final KafkaProducer<String, String> producer;
        private int produced = 0;

        Group(int partitions) throws Exception {
            topic = newTopic(partitions);
            producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", bootstrap), new StringSerializer(), new StringSerializer());
        }

        KafkaConsumer<String, String> add(String protocol, Map<String, Object> options) {
            Map<String, Object> settings = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap,
                "group.id", name,
                "group.protocol", protocol,
                "auto.offset.reset", "earliest",
                "auto.commit.interval.ms", "100"));
            if (protocol.equals("classic")) {
                settings.put("heartbeat.interval.ms", "200");
            }
            settings.putAll(options);
            KafkaConsumer<String, String> member =
                new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
            members.add(member);
            return member;
        }

        KafkaConsumer<String, String> join(String protocol, Map<String, Object> options) {
            KafkaConsumer<String, String> member = add(protocol, options);
            member.subscribe(List.of(topic));
            return member;
        }

        void produce(int each, int partitions) throws Exception {
            for (int n = 0; n < each; n++) {
                for (int partition = 0; partition < partitions; partition++) {
                    producer.send(new ProducerRecord<>(topic, partition, null, "v"));
                }
            }
            producer.flush();
            produced += each;
        }

        void poll() {
            for (KafkaConsumer<String, String> member : members) {
                for (ConsumerRecord<String, String> record : member.poll(STEP)) {
                    read.computeIfAbsent(new TopicPartition(record.topic(), record.partition()), __ -> new ArrayList<>())
                        .add(record.offset());
                }
            }
        }

        void until(BooleanSupplier condition, String what) {
            long deadline = System.currentTimeMillis() + TIMEOUT_MS;
            while (!condition.getAsBoolean()) {
                check(System.currentTimeMillis() < deadline, what + " " + shares());
                poll();
            }
        }

        List<Integer> shares() {
            return members.stream().map(member -> member.assignment().size()).toList();
        }

        boolean balanced(int partitions) {
            Set<TopicPartition> all = new HashSet<>();
            int least = Integer.MAX_VALUE;
            int most = 0;
            int sum = 0;
            for (KafkaConsumer<String, String> member : members) {
                int size = member.assignment().size();
                all.addAll(member.assignment());
                least = Math.min(least, size);
                most = Math.max(most, size);
                sum += size;
            }
            return all.size() == partitions && sum == partitions && most - least <= 1;
        }

        boolean readAll(int partitions) {
            for (int partition = 0; partition < partitions; partition++) {
                List<Long> offsets = read.getOrDefault(new TopicPartition(topic, partition), List.of());
                if (new TreeSet<>(offsets).size() < produced) {
                    return false;
                }
            }
            return true;
        }

        void leave(KafkaConsumer<String, String> member) {
            members.remove(member);
            member.close();
        }

        @Override
        public void close() {
            members.forEach(KafkaConsumer::close);
            producer.close();
        }
    }

    private void shareAndTakeOver() throws Exception {
        try (Group group = new Group(6)) {
            group.produce(5, 6);
            KafkaConsumer<String, String> first = group.join("consumer", Map.of());
            group.until(() -> group.readAll(6), "the first reads all");
            KafkaConsumer<String, String> second = group.join("consumer", Map.of("client.rack", "r1"));
            group.until(() -> group.balanced(6), "two share");
            group.join("consumer", Map.of());
            group.until(() -> group.balanced(6), "three share");
            group.produce(5, 6);
            group.until(() -> group.readAll(6), "they read all");
            group.read.values().forEach(offsets -> equal(10, offsets.size()));
            ConsumerGroupDescription described = describe(group.name);
            equal(GroupType.CONSUMER, described.type());
            equal(GroupState.STABLE, described.groupState());
            equal("uniform", described.partitionAssignor());
            for (MemberDescription member : described.members()) {
                equal(2, member.assignment().topicPartitions().size());
                equal(true, member.upgraded().get());
                equal(member.memberEpoch(), described.groupEpoch());
            }
            Collection<GroupListing> listed = admin.listGroups(
                new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))).all().get();
            check(listed.stream().anyMatch(each -> each.groupId().equals(group.name)), "it is listed");
            group.leave(second);
            group.until(() -> group.balanced(6), "two are left");
            group.leave(group.members.get(1));
            group.until(() -> first.assignment().size() == 6, "one is left");
        }
    }

    private void staticMember() throws Exception {
        try (Group group = new Group(4)) {
            KafkaConsumer<String, String> one = group.join("consumer", Map.of("group.instance.id", "one"));
            KafkaConsumer<String, String> other = group.join("consumer", Map.of("group.instance.id", "two"));
            group.until(() -> group.balanced(4), "they share");
            Set<TopicPartition> mine = one.assignment();
            Set<TopicPartition> others = other.assignment();
            group.leave(one);
            KafkaConsumer<String, String> back = group.join("consumer", Map.of("group.instance.id", "one"));
            group.until(() -> !back.assignment().isEmpty(), "it is back");
            equal(mine, back.assignment());
            equal(others, other.assignment());
        }
    }

    private void pattern() throws Exception {
        try (Group group = new Group(4)) {
            KafkaConsumer<String, String> member = group.add("consumer", Map.of());
            member.subscribe(new SubscriptionPattern(group.topic.substring(0, group.topic.length() - 1) + "[0-9]"));
            group.until(() -> member.assignment().stream().anyMatch(each -> each.topic().equals(group.topic)), "it matches");
            KafkaConsumer<String, String> wrong = group.add("consumer", Map.of());
            wrong.subscribe(new SubscriptionPattern("(unclosed"));
            try {
                group.until(() -> false, "refused");
                throw new AssertionError("the pattern was taken");
            } catch (InvalidRegularExpression expected) {
                // That is what should come.
            }
            group.members.remove(wrong);
            wrong.close();
        }
    }

    private void rangeAssignor() throws Exception {
        try (Group group = new Group(4)) {
            group.join("consumer", Map.of("group.remote.assignor", "range"));
            group.join("consumer", Map.of("group.remote.assignor", "range"));
            group.until(() -> group.balanced(4), "they share");
            Set<Set<Integer>> shares = new HashSet<>();
            group.members.forEach(member -> {
                Set<Integer> share = new TreeSet<>();
                member.assignment().forEach(each -> share.add(each.partition()));
                shares.add(share);
            });
            equal(Set.of(Set.of(0, 1), Set.of(2, 3)), shares);
            equal("range", describe(group.name).partitionAssignor());
        }
    }

    private void morePartitions() throws Exception {
        try (Group group = new Group(2)) {
            group.join("consumer", Map.of());
            group.join("consumer", Map.of());
            group.until(() -> group.balanced(2), "they share");
            admin.createPartitions(Map.of(group.topic, NewPartitions.increaseTo(6))).all().get();
            group.until(() -> group.balanced(6), "they share more");
        }
    }

    private void transactionalOffsets() throws Exception {
        try (Group group = new Group(1)) {
            group.produce(3, 1);
            KafkaConsumer<String, String> member = group.join("consumer", Map.of("enable.auto.commit", "false"));
            group.until(() -> group.readAll(1), "all is read");
            TopicPartition partition = new TopicPartition(group.topic, 0);
            try (KafkaProducer<String, String> producer = new KafkaProducer<>(
                    Map.of("bootstrap.servers", bootstrap, "transactional.id", "tx-" + group.name),
                    new StringSerializer(), new StringSerializer())) {
                producer.initTransactions();
                for (long offset = 1; offset <= 3; offset++) {
                    producer.beginTransaction();
                    producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(offset)), member.groupMetadata());
                    if (offset == 2) {
                        producer.abortTransaction();
                    } else {
                        producer.commitTransaction();
                    }
                    equal(offset == 3 ? 3L : 1L, member.committed(Set.of(partition)).get(partition).offset());
                }
            }
        }
    }

    private void groupSettings() throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.GROUP, "settings-" + ++names);
        AlterConfigOp set = new AlterConfigOp(
            new ConfigEntry("consumer.session.timeout.ms", "5000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
        long deadline = System.currentTimeMillis() + TIMEOUT_MS;
        String found = "";
        while (!found.equals("5000")) {
            check(System.currentTimeMillis() < deadline, "set to " + found);
            found = admin.describeConfigs(List.of(resource)).all().get().get(resource)
                .get("consumer.session.timeout.ms").value();
        }
    }

    /** From the classic protocol to the new one and back, a member at a time. */
    private void roll(String assignor) throws Exception {
        Map<String, Object> classic = Map.of(
            "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor");
        try (Group group = new Group(4)) {
            group.join("classic", classic);
            group.join("classic", classic);
            group.until(() -> group.balanced(4), "classic members share");
            List<GroupType> types = new ArrayList<>();
            for (String protocol : List.of("consumer", "consumer", "classic", "classic")) {
                group.produce(5, 4);
                group.join(protocol, protocol.equals("classic") ? classic : Map.of());
                group.until(() -> group.balanced(4), protocol + " member joins");
                group.leave(group.members.get(0));
                group.until(() -> group.balanced(4), "the oldest leaves");
                group.until(() -> group.readAll(4), "all is read");
                types.add(describe(group.name).type());
            }
            equal(List.of(GroupType.CONSUMER, GroupType.CONSUMER, GroupType.CONSUMER, GroupType.CLASSIC), types);
        }
    }

    private ConsumerGroupDescription describe(String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    private String newTopic(int partitions) throws Exception {
        String topic = "consumer-judge-" + ++names;
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        return topic;
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new AssertionError(what);
        }
    }

    private static void equal(Object expected, Object actual) {
        check(expected.equals(actual), "expected " + expected + ", found " + actual);
    }
}
