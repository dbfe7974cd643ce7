//! A plan as it is written down.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::object::{Numbers, Types};
use crate::object::Metadata;
use crate::plan::{
    Binding, Definition, Fill, FuncId, Layout, LazyStub, ObjectId, Placement, Plan, Planned, Scope,
    Stub, Supply, Trampoline,
};

#[derive(Serialize, Deserialize)]
pub struct PlanForm<'a> {
    types: Types,
    objects: Vec<PlannedForm>,
    group: Vec<ObjectId>,
    order: Vec<ObjectId>,
    init: Vec<ObjectId>,
    layout: Layout,
    stubs: Vec<(u32, u64)>,
    trampolines: Vec<(u32, Definition)>,
    #[serde(borrow)]
    lazy_stubs: Vec<LazyForm<'a>>,
    fills: Vec<Fill>,
    slots: Vec<(FuncId, u64)>,
    calls: Vec<(FuncId, u64)>,
    #[serde(borrow)]
    tags: Vec<(&'a str, u32)>,
    #[serde(borrow)]
    warnings: Vec<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct PlannedForm {
    place: Placement,
    bindings: Vec<Binding>,
    imports: Vec<Supply>,
}

#[derive(Serialize, Deserialize)]
struct LazyForm<'a> {
    ty: u32,
    symbol: &'a str,
    module: &'a str,
    importer: ObjectId,
    weak: bool,
    lazy: bool,
}

impl<'a> PlanForm<'a> {
    pub fn of(plan: &'a Plan) -> PlanForm<'a> {
        let mut types = Numbers::default();
        let stubs = plan
            .stubs
            .iter()
            .map(|stub| (types.of(&stub.sig), stub.slot));
        let stubs = stubs.collect();
        let trampolines = plan.trampolines.iter();
        let trampolines = trampolines.map(|one| (types.of(&one.sig), one.target));
        let trampolines = trampolines.collect();
        let lazy_stubs = plan.lazy_stubs.iter().map(|stub| LazyForm {
            ty: types.of(&stub.sig),
            symbol: &stub.symbol,
            module: &stub.module,
            importer: stub.importer,
            weak: stub.weak,
            lazy: stub.lazy,
        });
        let lazy_stubs = lazy_stubs.collect();
        let tags = plan.tags.iter();
        let tags = tags.map(|(name, sig)| (name.as_ref(), types.of(sig)));
        let tags = tags.collect();
        let objects = plan.objects.iter().map(|planned| PlannedForm {
            place: planned.place,
            bindings: planned.bindings.to_vec(),
            imports: planned.imports.clone(),
        });
        PlanForm {
            types: types.types(),
            objects: objects.collect(),
            group: plan.group.order().to_vec(),
            order: plan.order.clone(),
            init: plan.init.clone(),
            layout: plan.layout.clone(),
            stubs,
            trampolines,
            lazy_stubs,
            fills: plan.fills.clone(),
            slots: plan.slots.clone(),
            calls: plan.calls.clone(),
            tags,
            warnings: plan.warnings.iter().map(String::as_str).collect(),
        }
    }

    /// The plan again. `metadata` gives those of an object. `None` where something is named that is not there.
    pub fn plan(self, metadata: impl Fn(ObjectId) -> Option<Metadata>) -> Option<Plan> {
        let types = self.types.shared();
        let ty = |n: u32| types.get(n as usize).cloned();
        let group = self.group.into_iter();
        let group: Option<Vec<_>> = group.map(|id| Some((id, metadata(id)?))).collect();
        let objects = self.objects.into_iter().map(|planned| Planned {
            place: planned.place,
            bindings: planned.bindings.into(),
            imports: planned.imports,
        });
        let stubs = self.stubs.into_iter();
        let stubs = stubs.map(|(n, slot)| Some(Stub { sig: ty(n)?, slot }));
        let trampolines = self.trampolines.into_iter();
        let trampolines = trampolines.map(|(n, target)| {
            Some(Trampoline {
                sig: ty(n)?,
                target,
            })
        });
        let lazy_stubs = self.lazy_stubs.into_iter().map(|stub| {
            Some(LazyStub {
                sig: ty(stub.ty)?,
                symbol: stub.symbol.into(),
                module: stub.module.into(),
                importer: stub.importer,
                weak: stub.weak,
                lazy: stub.lazy,
            })
        });
        let tags = self.tags.into_iter();
        let tags = tags.map(|(name, n)| Some((Arc::from(name), ty(n)?)));
        Some(Plan {
            objects: objects.collect(),
            group: Scope::of(group?),
            order: self.order,
            init: self.init,
            layout: self.layout,
            stubs: stubs.collect::<Option<_>>()?,
            trampolines: trampolines.collect::<Option<_>>()?,
            lazy_stubs: lazy_stubs.collect::<Option<_>>()?,
            fills: self.fills,
            slots: self.slots,
            calls: self.calls,
            tags: tags.collect::<Option<_>>()?,
            warnings: self.warnings.into_iter().map(str::to_string).collect(),
        })
    }
}
