/**
 * @file
 * Snapshots: the state of a namespace, to be put back into it or into others. Part of wasmdyld.hh.
 */
#ifndef WASMDYLD_SNAPSHOT_HH
#define WASMDYLD_SNAPSHOT_HH

#include <memory>

#include <wasmdyld/memory.hh>

namespace wasmdyld {
#ifdef WASMDYLD_NO_EXCEPTIONS
inline namespace no_exceptions {
#endif

/**
 * The state of a namespace (see wasm_dyld_snapshot), taken by NamespaceRef::try_snapshot and put back by NamespaceRef::try_restore. It never
 * changes; copies share it, and any number of threads may use it at once. It outlives the namespace, its store and its engine.
 */
class Snapshot {
  public:
    /**
     * Makes a snapshot of what bytes() gave, perhaps in another process. The bytes are copied. They are as trusted as the guest that they bring: damage is an
     * error, and whatever they say harms that guest alone.
     */
    static Result<Snapshot> try_from_bytes(Span<const std::uint8_t> bytes)
    {
        wasm_dyld_snapshot_t *made = nullptr;
        auto read = detail::checked([&](auto error) { return wasm_dyld_snapshot_deserialize(bytes.data(), bytes.size(), &made, error); });
        if (!read)
            return read.error();
        return adopt(made);
    }

    /// The snapshot as bytes, for a file or another process. They live as long as the snapshot, and hold the modules of its objects.
    Result<Span<const std::uint8_t>> try_bytes() const
    {
        const std::uint8_t *bytes = nullptr;
        std::size_t size = 0;
        auto made = detail::checked([&](auto error) { return wasm_dyld_snapshot_serialize(raw_.get(), &bytes, &size, error); });
        if (!made)
            return made.error();
        return Span<const std::uint8_t>(bytes, size);
    }

#ifndef WASMDYLD_NO_EXCEPTIONS
    /// As try_from_bytes.
    static Snapshot from_bytes(Span<const std::uint8_t> bytes) { return try_from_bytes(bytes).value(); }
    /// As try_bytes.
    Span<const std::uint8_t> bytes() const { return try_bytes().value(); }
#endif

    /// Takes over a snapshot of the C interface.
    static Snapshot adopt(wasm_dyld_snapshot_t *raw) { return Snapshot(std::shared_ptr<wasm_dyld_snapshot_t>(raw, wasm_dyld_snapshot_delete)); }
    /// The snapshot of the C interface, which stays this one's; null after it was moved from.
    wasm_dyld_snapshot_t *raw() const noexcept { return raw_.get(); }

  private:
    explicit Snapshot(std::shared_ptr<wasm_dyld_snapshot_t> raw) : raw_(std::move(raw)) {}

    std::shared_ptr<wasm_dyld_snapshot_t> raw_;
};

#ifdef WASMDYLD_NO_EXCEPTIONS
} // namespace no_exceptions
#endif
} // namespace wasmdyld

#endif
