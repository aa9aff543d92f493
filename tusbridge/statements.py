"""Statements whose SQL is built once: building one through the ORM costs ten times what running
it does.

It is still the ORM that builds them, for whatever model and database the site has. Only the values
are put in anew each time, at the places that :class:`Slot` holds for them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.db import connections, transaction
from django.db.models import DurationField, Expression, Field, Model, Q
from django.db.models.functions import Now
from django.db.models.sql import InsertQuery, UpdateQuery


class Slot(Expression):
    """A value that is named when the statement is run. It is prepared for the database as one of
    the model's ``field``, by default the field of the same name, or of a type of its own."""

    def __init__(
        self, name: str, field: str = "", *, output_field: "Field[Any, Any] | None" = None
    ) -> None:
        super().__init__(output_field=output_field)
        self.name = name
        self.column = field or name
        self.kind = output_field

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return "%s", [self]

    def field_of(self, model: type[Model]) -> Any:
        """The field that knows how the value is given to the database."""
        if self.kind is not None:
            return self.kind
        return model._meta.pk if self.column == "pk" else model._meta.get_field(self.column)


class DatabaseNow(Now):
    """The database's time in UTC; MySQL's own Now() follows the session's time zone."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def until(ttl: float | Slot) -> Any:
    """``ttl`` seconds from now, by the database's clock."""
    return DatabaseNow() + (ttl if isinstance(ttl, Slot) else timedelta(seconds=ttl))


# For how long a lease is to be held; a timedelta, as ``ttl``.
TTL = Slot("ttl", output_field=DurationField())


@dataclass(frozen=True, slots=True)
class Built:
    """SQL, and its parameters with slots among them: index, name, field."""

    sql: str
    params: tuple[Any, ...]
    slots: tuple[tuple[int, str, Any], ...]

    @classmethod
    def of(cls, model: type[Model], sql: str, params: Sequence[Any]) -> "Built":
        slots = [(at, p.name, p.field_of(model)) for at, p in enumerate(params) if _is_slot(p)]
        return cls(sql, tuple(params), tuple(slots))

    def fill(self, given: Mapping[str, Any], connection: Any) -> list[Any]:
        """The parameters, each slot with its value."""
        filled = list(self.params)
        for at, name, field in self.slots:
            filled[at] = field.get_db_prep_save(given[name], connection)
        return filled


def _is_slot(param: Any) -> bool:
    return isinstance(param, Slot)


class Update:
    """``UPDATE ... SET values WHERE where``, with slots in both. The names that ``run`` is given
    beyond those are further columns to set.

    Like the ORM's, it takes part in a transaction that is open, and is one by itself otherwise.
    """

    def __init__(self, where: Q, values: Mapping[str, Any]) -> None:
        self._where = where
        self._values = values
        self._built: dict[tuple[Any, ...], Built] = {}

    def run(
        self,
        model: type[Model],
        using: str,
        given: Mapping[str, Any],
        columns: Mapping[str, Any] | None = None,
    ) -> int:
        """How many rows were changed, or were so already; ``given`` are the slots' values."""
        columns = columns or {}
        key = (model, using, *columns)
        if key not in self._built:
            self._built[key] = self._build(model, using, columns)
        connection = connections[using]
        params = self._built[key].fill({**given, **columns}, connection)
        with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
            cursor.execute(self._built[key].sql, params)
            return int(cursor.rowcount)

    def _build(self, model: type[Model], using: str, columns: Mapping[str, Any]) -> Built:
        rows: Any = model._base_manager.using(using).filter(self._where)
        query = rows.query.chain(UpdateQuery)
        query.add_update_values({**self._values, **{name: Slot(name) for name in columns}})
        return Built.of(model, *query.get_compiler(using).as_sql())


class Exists:
    """Whether there is a row like this, with slots in ``where``."""

    def __init__(self, where: Q) -> None:
        self._where = where
        self._built: dict[tuple[Any, ...], Built] = {}

    def ask(self, model: type[Model], using: str, given: Mapping[str, Any]) -> bool:
        """Whether there is one, with the values of all slots."""
        key = (model, using)
        if key not in self._built:
            rows: Any = model._base_manager.using(using).filter(self._where)
            query = rows.query.exists()
            self._built[key] = Built.of(model, *query.get_compiler(using).as_sql())
        connection = connections[using]
        with connection.cursor() as cursor:
            cursor.execute(self._built[key].sql, self._built[key].fill(given, connection))
            return cursor.fetchone() is not None


class Insert:
    """``INSERT`` of one instance of a model with one table; ``values`` are expressions with slots
    that stand for the columns they name."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = values or {}
        self._built: dict[tuple[Any, ...], Built] = {}

    def run(self, instance: Model, using: str, given: Mapping[str, Any]) -> None:
        """Insert it, and set its primary key where the database makes that.

        :raises IntegrityError: a unique key is taken.
        """
        model, connection = type(instance), connections[using]
        makes_key = instance.pk is None
        key = (model, using, makes_key)
        if key not in self._built:
            self._built[key] = self._build(model, using, makes_key=makes_key)
        built = self._built[key]
        values = {
            name: field.pre_save(instance, add=True)
            for _, name, field in built.slots
            if name not in given
        }
        params = built.fill({**values, **given}, connection)
        with transaction.mark_for_rollback_on_error(using), connection.cursor() as cursor:
            cursor.execute(built.sql, params)
            if makes_key:
                instance.pk = _made_key(cursor, connection, model)
        instance._state.adding, instance._state.db = False, using

    def _build(self, model: type[Model], using: str, *, makes_key: bool) -> Built:
        fields = [f for f in model._meta.local_concrete_fields if not (makes_key and f.primary_key)]
        query = InsertQuery(model)
        places = {f.attname: self._values.get(f.name, Slot(f.attname, f.name)) for f in fields}
        row: Any = SimpleNamespace(**places)
        query.insert_values(fields, [row], raw=True)
        connection = connections[using]
        ((sql, params),) = query.get_compiler(using).as_sql()
        if makes_key and connection.features.can_return_columns_from_insert:
            key: Any = model._meta.pk
            sql += f" RETURNING {connection.ops.quote_name(key.column)}"
        return Built.of(model, sql, params)


def _made_key(cursor: Any, connection: Any, model: type[Model]) -> Any:
    if connection.features.can_return_columns_from_insert:
        return cursor.fetchone()[0]
    return connection.ops.last_insert_id(cursor, model._meta.db_table, model._meta.pk.column)
